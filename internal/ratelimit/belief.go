package ratelimit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"keyturn/internal/rotation"
)

// Trouble is what a question that was not answered says about the server.
type Trouble int

// The troubles.
const (
	NoTrouble Trouble = iota
	Busy              // it wants to be left alone, or lets this machine not in
	Away              // it was not reached
)

// Answer is what became of a question.
type Answer struct {
	Login   string
	ID      string // the credential, if it is to vouch for the server later
	Verdict rotation.Verdict
	Trouble Trouble       // where the verdict is rotation.Unknown
	Took    time.Duration // from the question to the answer
	Routine bool          // no run waits for it: a refusal must be backed by a login that worked meanwhile
}

// Standing is what an answer means.
type Standing int

// The standings. All but Recovered are about a refusal.
const (
	Nothing   Standing = iota
	Believed           // the server lets others in
	Doubted            // logins that worked are refused too
	Inquiring          // an inquiry is under way
	Ask                // the credentials named are to be asked
	Lone               // no other login is known
	Recovered          // a login works, after a time when none did
)

// Judgement is what Answer says.
type Judgement struct {
	Standing  Standing
	Recent    bool          // a login worked within ten minutes, and none but this one was refused since
	Pause     time.Duration // no login may be tried for so long
	Witnesses []string      // with Ask and Lone: credentials that logged in, the newest first and the asking one last
}

// Answer implements Ledger.
func (s *Server) Answer(ctx context.Context, a Answer) (Judgement, error) {
	verdict := map[rotation.Verdict]int{rotation.Works: 1, rotation.Refused: 2}[a.Verdict]
	routine := 0
	if a.Routine {
		routine = 1
	}
	got, err := s.answer.Run(ctx, s.rdb, s.keys, s.now(), s.rate.Per.Microseconds(), digest(a.Login), a.ID, verdict,
		int(a.Trouble), a.Took.Microseconds(), routine, inquiring.Microseconds()).Slice()
	if err != nil {
		return Judgement{}, fmt.Errorf("smtp %s: note an answer: %w", s.address, err)
	}
	const fixed = 3
	numbers := make([]int64, fixed)
	for i := range numbers {
		n, ok := int64(0), false
		if i < len(got) {
			n, ok = got[i].(int64)
		}
		if !ok {
			return Judgement{}, fmt.Errorf("smtp %s: answer.lua answered %v", s.address, got)
		}
		numbers[i] = n
	}
	j := Judgement{Standing: Standing(numbers[0]), Recent: numbers[1] == 1, Pause: time.Duration(numbers[2]) * time.Microsecond}
	for _, id := range got[fixed:] {
		if id, ok := id.(string); ok {
			j.Witnesses = append(j.Witnesses, id)
		}
	}
	return j, nil
}

// Inquired implements Ledger.
func (s *Server) Inquired(ctx context.Context, refused bool) (first bool, err error) {
	flag := "0"
	if refused {
		flag = "1"
	}
	n, err := s.inquired.Run(ctx, s.rdb, s.keys, s.now(), flag, doubted.Microseconds()).Int()
	if err != nil {
		return false, fmt.Errorf("smtp %s: note an inquiry: %w", s.address, err)
	}
	return n == 1, nil
}

// Strike implements Ledger.
func (s *Server) Strike(ctx context.Context, login string) (believed bool, err error) {
	n, err := s.strike.Run(ctx, s.rdb, s.keys, s.now(), digest(login)).Int()
	if err != nil {
		return false, fmt.Errorf("smtp %s: count a refusal: %w", s.address, err)
	}
	return n == 1, nil
}

// Forget implements Ledger.
func (s *Server) Forget(ctx context.Context, id string) error {
	const works = 3
	if err := s.rdb.ZRem(ctx, s.keys[works], id).Err(); err != nil {
		return fmt.Errorf("smtp %s: forget %s: %w", s.address, strconv.Quote(id), err)
	}
	return nil
}
