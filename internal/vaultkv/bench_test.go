package vaultkv_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

// benchmarkRecord is an open journal of the usual size.
var benchmarkRecord = rotation.Record{
	State: rotation.Open, RotationID: "01890a5d-ac96-774b-bcce-b302099a8057", Reason: rotation.ReasonScheduled,
	Attempt: 1, Owner: "worker-1", Target: "alerts@example.com", Policy: "sha256:0011223344556677",
	Place:      rotation.Place{Store: "main", Path: "mail/alerts"},
	Candidates: []rotation.Candidate{{Number: 1, Value: secret.New("correct-Horse7battery"), State: rotation.Staged}},
}

// BenchmarkCleanRotation makes the five calls of a rotation that meets nothing unusual: read the journal and current,
// open the journal, promote, close. "bare" makes the same calls with net/http, for what this package costs.
func BenchmarkCleanRotation(b *testing.B) {
	v, err := vaultkv.Open(b.Context(), map[string]vaultkv.StoreConfig{"main": config()})
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close()
	bare := &bareVault{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}}
	defer bare.client.CloseIdleConnections()
	for _, each := range []struct {
		name   string
		rotate func(context.Context, *rotation.Credential) error
	}{
		{"vaultkv", func(ctx context.Context, cred *rotation.Credential) error { return rotateOnce(ctx, v, cred) }},
		{"bare", bare.rotateOnce},
	} {
		for _, parallelism := range []int{4, 16} { // times GOMAXPROCS
			b.Run(fmt.Sprintf("%s/parallelism=%d", each.name, parallelism), func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(parallelism)
				b.RunParallel(func(pb *testing.PB) {
					cred := newCredential()
					for pb.Next() {
						if err := each.rotate(b.Context(), cred); err != nil {
							b.Error(err)
						}
					}
				})
			})
		}
	}
}

func rotateOnce(ctx context.Context, v *vaultkv.Vault, cred *rotation.Credential) error {
	rec, err := v.Load(ctx, cred)
	if err != nil {
		return err
	}
	current, err := v.Read(ctx, cred.Place)
	if err != nil {
		return err
	}
	version, err := v.Save(ctx, cred, benchmarkRecord, rec.Version)
	if err != nil {
		return err
	}
	current.Password, current.RotationID = benchmarkRecord.Candidates[0].Value, benchmarkRecord.RotationID
	if err := v.Write(ctx, cred.Place, current); err != nil {
		return err
	}
	_, err = v.Save(ctx, cred, rotation.Record{RotationID: benchmarkRecord.RotationID}, version)
	return err
}

// bareVault is as little client as the five calls can do with.
type bareVault struct{ client *http.Client }

func (v *bareVault) rotateOnce(ctx context.Context, cred *rotation.Credential) error {
	journal, current := "keyturn-journal/data/bare/"+cred.ID, "secret/data/"+cred.Place.Path
	opened, journalErr := v.get(ctx, journal)
	base, currentErr := v.get(ctx, current)
	return errors.Join(journalErr, currentErr,
		v.put(ctx, journal, opened, map[string]any{"schema": 1, "state": "open", "candidates": []any{map[string]any{"value": "correct-Horse7battery"}}}),
		v.put(ctx, current, base, map[string]any{"password": "correct-Horse7battery", "keyturn_rotation_id": "r"}),
		v.put(ctx, journal, opened+1, map[string]any{"schema": 1, "state": "closed"}))
}

func (v *bareVault) get(ctx context.Context, path string) (version int, err error) {
	text, err := v.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return 0, err
	}
	var answer struct {
		Data struct{ Metadata struct{ Version int } }
	}
	err = json.Unmarshal(text, &answer)
	return answer.Data.Metadata.Version, err
}

func (v *bareVault) put(ctx context.Context, path string, cas int, data map[string]any) error {
	text, err := json.Marshal(map[string]any{"options": map[string]int{"cas": cas}, "data": data})
	if err != nil {
		return err
	}
	_, err = v.do(ctx, http.MethodPut, path, text)
	return err
}

func (v *bareVault) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, shared.Addr+"/v1/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Vault-Token", shared.Token)
	resp, err := v.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNotFound {
		return nil, fmt.Errorf("%s %s: HTTP %d", method, path, resp.StatusCode)
	}
	return io.ReadAll(resp.Body)
}
