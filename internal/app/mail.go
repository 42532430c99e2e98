package app

import (
	"context"
	"log/slog"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/observe"
	"keyturn/internal/ratelimit"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/smtpauth"
)

// Mail is what the questions to mail servers go by, besides the configuration. The zero value asks without a budget, and
// believes every refusal: for a command that asks nothing.
type Mail struct {
	Redis   redis.UniversalClient
	Secrets rotation.Secrets // where a login finds another one's password, to show that the server lets it in
	Metrics *observe.Metrics
	Log     *slog.Logger
}

// Mail is that of a process.
func (p *Process) Mail() Mail {
	return Mail{Redis: p.Redis, Secrets: p.Vault, Metrics: p.Metrics, Log: p.Log}
}

// ledger is a ratelimit.Server in the words of smtpauth, because adapters do not know each other.
type ledger struct{ *ratelimit.Server }

var _ smtpauth.Ledger = ledger{}

// Answer implements smtpauth.Ledger.
func (l ledger) Answer(ctx context.Context, a smtpauth.Answer) (smtpauth.Judgement, error) {
	j, err := l.Server.Answer(ctx, ratelimit.Answer{
		Login: a.Login, ID: a.ID, Verdict: a.Verdict, Trouble: ratelimit.Trouble(a.Trouble), Took: a.Took, Routine: a.Routine,
	})
	return smtpauth.Judgement{Standing: smtpauth.Standing(j.Standing), Recent: j.Recent, Pause: j.Pause, Witnesses: j.Witnesses}, err
}

// share makes a server share with all workers what it may be asked and what is known of it.
func (m Mail) share(c *smtpauth.Config, cfg *config.Config, rate rotation.Rate) error {
	if m.Redis == nil {
		return nil
	}
	server, err := ratelimit.NewServers(m.Redis).Of(c.Addr, rate)
	if err != nil {
		return err
	}
	c.Ledger, c.Now = ledger{server}, rotation.WallClock{}.Now
	address := c.Addr
	c.Witness = func(ctx context.Context, id string) (string, secret.Value, error) {
		return m.witness(ctx, cfg, address, id)
	}
	c.Sick = func(ctx context.Context, sick bool) {
		m.Metrics.MailServer(address, sick)
		if err := due.NewIndex(m.Redis).NoteMailServer(ctx, address, sick); err != nil {
			m.Log.LogAttrs(ctx, slog.LevelWarn, "an event is not noted", slog.String("server", address), slog.Any("error", err))
		}
		if sick {
			m.Log.LogAttrs(ctx, slog.LevelWarn, "a mail server refuses logins that worked before: nothing is repaired until it accepts one", slog.String("server", address))
			return
		}
		m.Log.LogAttrs(ctx, slog.LevelInfo, "a mail server accepts logins again", slog.String("server", address))
	}
	return nil
}

// witness returns the login of a credential that is verified at a server, and its password in Vault.
func (m Mail) witness(ctx context.Context, cfg *config.Config, address, id string) (string, secret.Value, error) {
	cred, ok := cfg.Credential(id)
	if !ok || cred.Verify.Mode != rotation.VerifySMTP || cred.Verify.SMTP.Address != address {
		return "", secret.Value{}, smtpauth.ErrNoWitness
	}
	entry, err := m.Secrets.Read(ctx, cred.Place)
	if err != nil {
		return "", secret.Value{}, err
	}
	login, ok := cred.LoginOf(entry)
	if !ok {
		return "", secret.Value{}, smtpauth.ErrNoWitness
	}
	return login, entry.Password, nil
}

// CheckServers connects to every mail server that the configuration names, without logging in, and says in the log and in
// a metric which of them no password could be verified at. It returns when all have been tried or ctx ends: what is wrong
// with one must not keep a worker from starting.
func (s *Subjects) CheckServers(ctx context.Context, metrics *observe.Metrics, log *slog.Logger) {
	s.mu.Lock()
	servers := make(map[rotation.SMTP]*smtpauth.Server, len(s.servers))
	for settings, server := range s.servers {
		servers[settings] = server
	}
	s.mu.Unlock()
	var group errgroup.Group
	group.SetLimit(checksAtOnce)
	for settings, server := range servers {
		group.Go(func() error {
			_, problem := server.Check(ctx)
			if ctx.Err() == nil {
				metrics.MailServerChecked(settings.Address, problem == nil)
			}
			if ctx.Err() == nil && problem != nil {
				log.LogAttrs(ctx, slog.LevelWarn, "no password can be verified at a mail server", slog.String("server", settings.Address), slog.Any("error", problem))
			}
			return nil
		})
	}
	_ = group.Wait() // none returns an error
}

// checksAtOnce keeps a server that is away from holding up the news of the others.
const checksAtOnce = 8
