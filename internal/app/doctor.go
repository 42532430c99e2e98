package app

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"

	"keyturn/internal/certs"
	"keyturn/internal/config"
	"keyturn/internal/doctor"
	"keyturn/internal/due"
	"keyturn/internal/httpx"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
	"keyturn/internal/smtpauth"
	"keyturn/internal/vaultkv"
)

// Examine looks at everything that a configuration depends on, as a worker uses it, until ctx ends. It changes nothing. What
// cannot be reached is a finding.
func Examine(ctx context.Context, cfg *config.Config) doctor.Report {
	r := connectRedis(ctx, cfg)
	defer r.close()
	stores, closeStores := storeChecks(ctx, cfg)
	defer closeStores()
	return doctor.Examine(ctx, slices.Concat(r.checks(cfg), stores, endpointChecks(cfg), mailChecks(cfg), rateChecks(cfg)))
}

// redisDoctor has the checks of Redis, which share one connection.
type redisDoctor struct {
	doctor.Redis
	problem error // why no client could be made

	once   sync.Once
	answer error
}

func connectRedis(ctx context.Context, cfg *config.Config) *redisDoctor {
	r := &redisDoctor{Redis: doctor.Redis{Address: redisName(cfg.Redis), Username: cfg.Redis.Username, Open: openRedis(cfg.Redis)}}
	settings, err := redisSettings(ctx, cfg.Redis)
	if err == nil {
		r.Client, err = redisx.Dial(settings)
	}
	r.problem = err
	return r
}

// alive asks once whether Redis answers: what stands there is not looked at otherwise.
func (r *redisDoctor) alive(ctx context.Context) error {
	if r.problem != nil {
		return r.problem
	}
	r.once.Do(func() { r.answer = redisx.Ping(ctx, r.Client) })
	return r.answer
}

func (r *redisDoctor) close() {
	if r.problem == nil {
		_ = r.Client.Close() // nothing is left to be written
	}
}

// redisName is how a configuration names its Redis.
func redisName(c config.Redis) string {
	switch {
	case c.Sentinel != nil:
		return c.Sentinel.Master
	case c.Address != "":
		return c.Address
	}
	return strings.Join(c.Addresses, ",")
}

// openRedis reports whether a Redis asks for no password, and can be reached from other machines.
func openRedis(c config.Redis) bool {
	if !c.Password.IsZero() || c.TLS != nil && c.TLS.CertFile != "" {
		return false
	}
	for _, address := range append([]string{c.Address}, c.Addresses...) {
		host, _, err := net.SplitHostPort(address)
		if err != nil || host == "localhost" {
			continue
		}
		if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
			return true
		}
	}
	return c.Sentinel != nil
}

func (r *redisDoctor) checks(cfg *config.Config) []doctor.Check {
	accounts := slices.Sorted(maps.Keys(cfg.Accounts))
	return []doctor.Check{
		{Area: doctor.AreaRedis, Subject: r.Address, Look: func(ctx context.Context) []doctor.Finding {
			if err := r.alive(ctx); err != nil {
				return r.Away(err)
			}
			return r.Look(ctx)
		}},
		r.kept(doctor.AreaSchedulers, func(ctx context.Context) ([]doctor.Finding, error) {
			announced, err := due.NewIndex(r.Client).Announced(ctx)
			return []doctor.Finding{doctor.Schedulers(announced, cfg.Fingerprint())}, err
		}),
		r.kept(doctor.AreaQueue, func(ctx context.Context) ([]doctor.Finding, error) {
			client := queue.NewClient(r.Client)
			stuck, err := client.Stuck(ctx, accounts...)
			if err != nil {
				return nil, err
			}
			now, err := client.Now(ctx)
			return doctor.Queues(stuck, now), err
		}),
	}
}

// kept is a check of what keyturn keeps in Redis.
func (r *redisDoctor) kept(area doctor.Area, look func(context.Context) ([]doctor.Finding, error)) doctor.Check {
	return doctor.Check{Area: area, Subject: "all", Look: func(ctx context.Context) []doctor.Finding {
		if r.alive(ctx) != nil {
			return []doctor.Finding{doctor.Skip(area, "all", "Redis does not answer")}
		}
		found, err := look(ctx)
		if err != nil {
			return []doctor.Finding{doctor.Skip(area, "all", err.Error())}
		}
		return found
	}}
}

// storeChecks opens the stores that can be, together, so that stores with one login share what was refused.
func storeChecks(ctx context.Context, cfg *config.Config) ([]doctor.Check, func()) {
	var checks []doctor.Check
	good := map[string]vaultkv.StoreConfig{}
	for _, name := range slices.Sorted(maps.Keys(cfg.Stores)) {
		settings, err := storeConfig(ctx, cfg.Stores[name])
		if err == nil {
			err = openable(ctx, name, settings)
		}
		if err != nil {
			checks = append(checks, doctor.Check{Area: doctor.AreaVault, Subject: name, Look: func(context.Context) []doctor.Finding { return doctor.Unopened(name, err) }})
			continue
		}
		good[name] = settings
	}
	vault, err := vaultkv.Open(ctx, good)
	if err != nil { // each could be opened alone
		return append(checks, doctor.Check{Area: doctor.AreaVault, Subject: "all", Look: func(context.Context) []doctor.Finding { return doctor.Unopened("all", err) }}), func() {}
	}
	places := map[string][]rotation.Place{}
	for _, place := range somePlaces(cfg) {
		places[place.Store] = append(places[place.Store], place)
	}
	for _, name := range slices.Sorted(maps.Keys(good)) {
		store := doctor.Store{Vault: vault, Config: cfg.Stores[name], Places: places[name]}
		checks = append(checks, doctor.Check{Area: doctor.AreaVault, Subject: name, Look: store.Look})
	}
	return checks, vault.Close
}

// openable reports what is wrong with the settings of one store. It calls no server.
func openable(ctx context.Context, name string, settings vaultkv.StoreConfig) error {
	vault, err := vaultkv.Open(ctx, map[string]vaultkv.StoreConfig{name: settings})
	if err == nil {
		vault.Close()
	}
	return err
}

// endpointChecks has each server of providers once for each authority that certifies it, however many accounts use it.
func endpointChecks(cfg *config.Config) []doctor.Check {
	servers := map[string]*doctor.Endpoint{}
	for _, name := range slices.Sorted(maps.Keys(cfg.Accounts)) {
		account := cfg.Accounts[name]
		endpoint, err := httpx.ParseEndpoint(account.Endpoint)
		if err != nil {
			continue // the configuration was checked
		}
		server := (&url.URL{Scheme: endpoint.Scheme, Host: strings.ToLower(endpoint.Host)}).String() + " " + account.CAFile
		if servers[server] == nil {
			servers[server] = &doctor.Endpoint{URL: endpoint}
			if account.CAFile != "" {
				servers[server].CA, _ = certs.Pool(account.CAFile) // which the configuration was checked for
			}
		}
		servers[server].Accounts = append(servers[server].Accounts, name)
	}
	var checks []doctor.Check
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		checks = append(checks, doctor.Check{Area: doctor.AreaProvider, Subject: servers[name].URL.Host, Look: servers[name].Look})
	}
	return checks
}

// mailChecks has each mail server once for each way in which it is asked.
func mailChecks(cfg *config.Config) []doctor.Check {
	used, seen := map[rotation.SMTP][]string{}, map[*rotation.Verification]map[string]bool{}
	for cred := range cfg.Credentials() {
		if cred.Verify.Mode != rotation.VerifySMTP || seen[cred.Verify][cred.Account] {
			continue
		}
		if seen[cred.Verify] == nil {
			seen[cred.Verify] = map[string]bool{}
		}
		seen[cred.Verify][cred.Account] = true
		settings := cred.Verify.SMTP
		settings.Username = ""
		if !slices.Contains(used[settings], cred.Account) {
			used[settings] = append(used[settings], cred.Account)
		}
	}
	s := &Subjects{cfg: cfg, servers: map[rotation.SMTP]*smtpauth.Server{}}
	var checks []doctor.Check
	for settings, accounts := range used {
		slices.Sort(accounts)
		server := doctor.MailServer{Address: settings.Address, Accounts: accounts}
		var err error
		server.Server, err = s.server(settings)
		look := server.Look
		if err != nil {
			look = func(context.Context) []doctor.Finding { return server.Unusable(err) }
		}
		checks = append(checks, doctor.Check{Area: doctor.AreaMail, Subject: settings.Address, Look: look})
	}
	slices.SortFunc(checks, func(a, b doctor.Check) int { return strings.Compare(a.Subject, b.Subject) })
	return checks
}

// rateChecks ask no server.
func rateChecks(cfg *config.Config) []doctor.Check {
	return []doctor.Check{{Area: doctor.AreaRate, Subject: "all", Look: func(context.Context) []doctor.Finding {
		paces, err := operate.For(cfg).Paces(rotation.WallClock{}.Now())
		if err != nil {
			return []doctor.Finding{doctor.Skip(doctor.AreaRate, "all", err.Error())}
		}
		var found []doctor.Finding
		for _, p := range paces {
			found = append(found, doctor.Rate(p, cfg.Accounts[p.Account]))
		}
		return found
	}}}
}
