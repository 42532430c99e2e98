package ratelimit

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

var (
	//go:embed server.lua
	serverSource string
	//go:embed book.lua
	bookSource string
	//go:embed answer.lua
	answerSource string
	//go:embed inquired.lua
	inquiredSource string
	//go:embed strike.lua
	strikeSource string
)

// Servers is what all workers together know of the mail servers that they ask, in Redis: what each of them may still be
// asked, and whether it lets anybody in. Safe for concurrent use.
type Servers struct {
	rdb                            redis.UniversalClient
	book, answer, inquired, strike *redis.Script

	now func() string // for tests: a clock in place of Redis's own ("" is Redis's)
}

// NewServers makes a Servers. It asks Redis nothing.
func NewServers(rdb redis.UniversalClient) *Servers {
	script := func(source string) *redis.Script { return redis.NewScript(serverSource + source) }
	return &Servers{
		rdb: rdb, now: func() string { return "" },
		book: script(bookSource), answer: script(answerSource), inquired: script(inquiredSource), strike: script(strikeSource),
	}
}

// Ledger is what all workers together know of one mail server: *Server keeps it on Redis, and package ratelimittest, for
// simulations, in memory. Safe for concurrent use; returns soon after ctx ends.
type Ledger interface {
	// Book books the next n questions about a login, counting those that it has, and returns how many are booked: fewer
	// where the whole budget is smaller. What is booked counts as asked and refused until it is answered, or for 90 s. A
	// *rotation.WaitError says that nothing was booked, and when to come back; so it is while Redis is away.
	Book(ctx context.Context, login string, n int, urgency rotation.Urgency) (int, error)
	// Answer notes what became of a question that was booked. Any verdict but a refusal needs no judgement.
	Answer(ctx context.Context, a Answer) (Judgement, error)
	// Inquired notes an inquiry in which no login worked; refused says that some were refused that had worked. first is
	// true for the first word of a server that refuses every login, once until a login works again.
	Inquired(ctx context.Context, refused bool) (first bool, err error)
	// Strike counts a refusal at a server where no other login is known, and says whether it is believed: the third is,
	// each at least ten minutes after the one before.
	Strike(ctx context.Context, login string) (believed bool, err error)
	// Forget takes a credential that has gone out of those that vouch for the server.
	Forget(ctx context.Context, id string) error
}

var _ Ledger = (*Server)(nil)

// Server is one mail server, by its address. Servers ban addresses and not users, so all that is asked there counts
// together.
type Server struct {
	*Servers
	address  string
	keys     []string
	rate     rotation.Rate
	refusals int // how many of them may be refusals
}

// refusalShare of the questions may be refusals: programs such as fail2ban count those.
const refusalShare = rotation.MinQuestions

// Of returns the server at an address, which bears so many questions in any window.
func (s *Servers) Of(address string, rate rotation.Rate) (*Server, error) {
	if rate.Requests < rotation.MinQuestions || rate.Per < rotation.MinMailWindow {
		return nil, fmt.Errorf("server %s: %d questions in %s are too few: at least %d in at least %s", address, rate.Requests, rate.Per, rotation.MinQuestions, rotation.MinMailWindow)
	}
	one := &Server{Servers: s, address: address, rate: rate, refusals: rate.Requests / refusalShare}
	for _, name := range []string{"asked", "booked", "booked:until", "works", "refused", "alone"} {
		one.keys = append(one.keys, redisx.MailServer(address, name))
	}
	return one, nil
}

const (
	// booked is how long a question may wait to be asked and answered.
	booked = 90 * time.Second
	// alone is how long the one who asks first after a pause has.
	alone = 30 * time.Second
	// inquiring is how long an inquiry may take.
	inquiring = time.Minute
	// doubted is how long no refusal is believed after known logins were refused.
	doubted = time.Minute
	// away is when to come back if Redis does not answer.
	away = 5 * time.Second
)

// Book implements Ledger.
func (s *Server) Book(ctx context.Context, login string, n int, urgency rotation.Urgency) (int, error) {
	got, err := s.book.Run(ctx, s.rdb, s.keys, s.now(), s.rate.Requests, s.rate.Per.Microseconds(), s.refusals,
		digest(login), n, int(urgency), booked.Microseconds(), alone.Microseconds()).Int64Slice()
	const fields = 3
	switch {
	case err == nil && len(got) != fields:
		err = fmt.Errorf("book.lua answered %v", got)
	case ctx.Err() != nil:
		return 0, ctx.Err()
	}
	if err != nil {
		return 0, &rotation.WaitError{After: away, Reason: fmt.Sprintf("the budget of smtp %s is away: %v", s.address, err)}
	}
	if got[0] > 0 {
		return int(got[0]), nil
	}
	reason := map[int64]string{1: "is spent", 2: "is paused, because the server asked for it or refuses every login", 3: "is kept for something more urgent"}[got[2]]
	return 0, &rotation.WaitError{
		After:  max(time.Duration(got[1])*time.Microsecond, time.Millisecond),
		Reason: fmt.Sprintf("the budget of smtp %s (verify.smtp.rate) %s", s.address, reason),
	}
}

// digest stands for a user name: of bounded length, and hidden from readers of Redis.
func digest(login string) string {
	sum := sha256.Sum256([]byte(login))
	const bytes = 8
	return hex.EncodeToString(sum[:bytes])
}
