package smtpauth

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/rotation"
)

func TestARefusalCountsOnlyWhereTheServerIsKnownToLetLoginsIn(t *testing.T) {
	t.Parallel()
	ask := func(ids ...string) Judgement { return Judgement{Standing: Ask, Witnesses: ids} }
	recent := Judgement{Standing: Ask, Recent: true}
	vault := map[string]string{"works": "live", "refused": "dead", "empty": "", "mine": "mine"}
	for _, tt := range []struct {
		name    string
		j       Judgement
		strike  bool
		urgency rotation.Urgency
		want    rotation.Verdict
		logins  int // tried besides the one that was asked about
	}{
		{"others log in", Judgement{Standing: Believed}, false, rotation.Routine, rotation.Refused, 0},
		{"others are refused too", Judgement{Standing: Doubted}, false, rotation.Rotation, rotation.Unbelieved, 0},
		{"nothing is known", Judgement{}, false, rotation.Rotation, rotation.Unbelieved, 0},
		{"another login works", ask("works"), false, rotation.Routine, rotation.Refused, 1},
		{"another login is refused", ask("refused"), false, rotation.Rotation, rotation.Unbelieved, 1},
		{"the second login works", ask("refused", "works"), false, rotation.Rotation, rotation.Refused, 2},
		{"no third login is tried", ask("refused", "refused", "works"), false, rotation.Rotation, rotation.Unbelieved, 2},
		{"what cannot be tried is passed over", ask("gone", "empty", "refused", "works"), false, rotation.Rotation, rotation.Refused, 2},
		{"its own password vouches for nothing", ask("mine"), false, rotation.Rotation, rotation.Unbelieved, 0},
		{"no other could be tried, and one worked lately", recent, false, rotation.Rotation, rotation.Refused, 0},
		{"the same in a routine check", recent, false, rotation.Routine, rotation.Unbelieved, 0},
		{"another one is finding out", Judgement{Standing: Inquiring, Recent: true}, false, rotation.Rotation, rotation.Refused, 0},
		{"alone, refused for the first time", Judgement{Standing: Lone}, false, rotation.Rotation, rotation.Unbelieved, 0},
		{"alone, refused often enough", Judgement{Standing: Lone}, true, rotation.Rotation, rotation.Refused, 0},
		{"alone, and it worked lately", Judgement{Standing: Lone, Recent: true}, false, rotation.Rotation, rotation.Refused, 0},
		{"the same in a routine check", Judgement{Standing: Lone, Recent: true}, false, rotation.Routine, rotation.Unbelieved, 0},
		{"alone, and another password of it works", Judgement{Standing: Lone, Witnesses: []string{"works"}}, false, rotation.Rotation, rotation.Refused, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.vault, d.live["login of works"] = vault, "live"
			d.judgement, d.strike = tt.j, tt.strike
			verdict, err := d.verify(t, "mine", tt.urgency)
			if verdict != tt.want || (err != nil) != (tt.want == rotation.Unbelieved) || d.logins != 1+tt.logins {
				t.Errorf("%s after %d logins, want %s after %d: %v", verdict, d.logins, tt.want, 1+tt.logins, err)
			}
		})
	}
}

func TestAWitnessDiffersInItsCredentialOrItsPassword(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, id, password string // of the witness; "mine" is asked about, with the password "mine"
		want               rotation.Verdict
		logins             int
	}{
		{"another password of the same credential", "mine", "older", rotation.Refused, 2},
		{"the same password of another credential", "twin", "mine", rotation.Refused, 2},
		{"the same password of the same credential", "mine", "mine", rotation.Unbelieved, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.vault[tt.id], d.judgement = tt.password, Judgement{Standing: Ask, Witnesses: []string{tt.id}}
			if tt.want == rotation.Refused {
				d.live["login of "+tt.id] = tt.password
			}
			verdict, err := d.verify(t, "mine", rotation.Rotation)
			if verdict != tt.want || d.logins != tt.logins {
				t.Errorf("%s after %d logins, want %s after %d: %v", verdict, d.logins, tt.want, tt.logins, err)
			}
		})
	}
}

func TestARefusalIsNotBelievedWhileTheLedgerIsAway(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.config.Ledger = silent{d.book}
	verdict, err := d.verify(t, "mine", rotation.Routine)
	if verdict != rotation.Unbelieved || !errors.Is(err, errAway) {
		t.Errorf("%s: %v", verdict, err)
	}
}

var errAway = errors.New("redis is away")

// silent does not answer to answers.
type silent struct{ *book }

func (silent) Answer(context.Context, Answer) (Judgement, error) { return Judgement{}, errAway }

func TestAWitnessThatHasGoneIsForgottenAndNoOther(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.vault = map[string]string{"empty": "", "refused": "dead"}
	d.judgement = Judgement{Standing: Ask, Witnesses: []string{"gone", "empty", "refused"}}
	_, _ = d.verify(t, "mine", rotation.Rotation)
	if !slices.Equal(d.forgotten, []string{"gone"}) {
		t.Errorf("forgot %v", d.forgotten)
	}
}

func TestAServerThatRefusesEverybodyIsReportedByTheFirstOneOnly(t *testing.T) {
	t.Parallel()
	for first, want := range map[bool][]bool{true: {true}, false: nil} {
		d := newDesk(t)
		d.vault, d.first = map[string]string{"refused": "dead"}, first
		d.judgement = Judgement{Standing: Ask, Witnesses: []string{"refused"}}
		_, _ = d.verify(t, "mine", rotation.Rotation)
		if !slices.Equal(d.sick, want) || !slices.Equal(d.inquiries, []bool{true}) {
			t.Errorf("first %v: reported %v, inquiries %v", first, d.sick, d.inquiries)
		}
	}
}

// Only its own password was refused: that says nothing about the server.
func TestAnInquiryThatTriedNoOtherLoginAccusesNoServer(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.vault, d.first = map[string]string{"mine": "older"}, false
	d.judgement = Judgement{Standing: Lone, Witnesses: []string{"mine"}}
	verdict, _ := d.verify(t, "mine", rotation.Rotation)
	if verdict != rotation.Unbelieved || !slices.Equal(d.inquiries, []bool{false}) || !slices.Equal(d.strikes, []string{"login of mine"}) {
		t.Errorf("%s, inquiries %v, strikes %v", verdict, d.inquiries, d.strikes)
	}
}

func TestALoginThatWorksAgainIsReported(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.live["login of mine"], d.works = "mine", Judgement{Standing: Recovered}
	if verdict, err := d.verify(t, "mine", rotation.Routine); verdict != rotation.Works || err != nil || !slices.Equal(d.sick, []bool{false}) {
		t.Errorf("%s, %v; reported %v", verdict, err, d.sick)
	}
}

func TestAnUnbelievedRefusalSaysWhy(t *testing.T) {
	t.Parallel()
	for why, j := range map[string]Judgement{
		"logins that worked before are refused too": {Standing: Doubted},
		"nothing is known about the server":         {},
		"no other login could be tried":             {Standing: Ask},
		"knows no other login there":                {Standing: Lone},
	} {
		d := newDesk(t)
		d.judgement = j
		if _, err := d.verify(t, "mine", rotation.Routine); !errors.Is(err, errUnbelieved) || !strings.Contains(err.Error(), why) {
			t.Errorf("got %v, want %q", err, why)
		}
	}
}
