package config

import (
	"net"
	"strconv"
)

// Redis says how to reach Redis: one server, a cluster, or a master that sentinels know. Exactly one of Address,
// Addresses and Sentinel is set.
type Redis struct {
	Address   string   // host:port
	Addresses []string // of cluster nodes, host:port
	Sentinel  *Sentinel
	DB        int // 0 with a cluster
	Username  string
	Password  Source // may be zero
	TLS       *TLS   // nil: without TLS
}

// Sentinel names a master and who knows where it is.
type Sentinel struct {
	Master    string
	Addresses []string // of the sentinels, host:port
	Username  string   // of the sentinels; Redis.Username is the master's
	Password  Source   // of the sentinels; may be zero
}

// TLS is a client's side of TLS. Certificate and key come together.
type TLS struct {
	CAFile     string // PEM; "" means the system's roots
	CertFile   string // PEM
	KeyFile    string // PEM
	ServerName string // "" means the name of the host
}

var redisFields = fields[Redis]{
	{"address", func(_ *loader, r *Redis, v *value) { r.Address = v.hostPort() }},
	{"addresses", func(_ *loader, r *Redis, v *value) { r.Addresses = v.hostPorts() }},
	{"sentinel", func(l *loader, r *Redis, v *value) { r.Sentinel = l.sentinel(v) }},
	{"db", func(_ *loader, r *Redis, v *value) { r.DB = v.integer(0, 1<<20) }},
	{"username", func(_ *loader, r *Redis, v *value) { r.Username = v.string() }},
	{"password", func(l *loader, r *Redis, v *value) { r.Password = l.localSource(v) }},
	{"tls", func(l *loader, r *Redis, v *value) { r.TLS = l.tls(v) }},
}

var sentinelFields = fields[Sentinel]{
	{"master", func(_ *loader, s *Sentinel, v *value) { s.Master = v.string() }},
	{"addresses", func(_ *loader, s *Sentinel, v *value) { s.Addresses = v.hostPorts() }},
	{"username", func(_ *loader, s *Sentinel, v *value) { s.Username = v.string() }},
	{"password", func(l *loader, s *Sentinel, v *value) { s.Password = l.localSource(v) }},
}

var tlsFields = fields[TLS]{
	{"ca_file", func(l *loader, t *TLS, v *value) { t.CAFile = l.certificates(v) }},
	{"cert_file", func(l *loader, t *TLS, v *value) { t.CertFile = l.certificates(v) }},
	{"key_file", func(l *loader, t *TLS, v *value) { t.KeyFile = l.file(v) }},
	{"server_name", func(_ *loader, t *TLS, v *value) { t.ServerName = v.string() }},
}

func (l *loader) redis(v *value) {
	r := &l.cfg.Redis
	redisFields.decode(l, v, r)
	v.exactlyOne("address", "addresses", "sentinel")
	if r.Addresses != nil && r.DB != 0 {
		v.failIn("db", "", "a cluster has only database 0")
	}
}

func (l *loader) sentinel(v *value) *Sentinel {
	s := &Sentinel{}
	sentinelFields.decode(l, v, s)
	v.require("master", "addresses")
	return s
}

func (l *loader) tls(v *value) *TLS {
	t := &TLS{}
	tlsFields.decode(l, v, t)
	if (t.CertFile == "") != (t.KeyFile == "") {
		v.fail("", "cert_file and key_file come together")
	}
	return t
}

// hostPort returns a text such as "redis:6379" or "[::1]:6379".
func (v *value) hostPort() string {
	address := v.string()
	if address == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || host == "" {
		v.failUnseen("", "must be HOST:PORT")
	}
	return address
}

func (v *value) hostPorts() []string {
	var addresses []string
	for _, item := range v.items() {
		addresses = append(addresses, item.hostPort())
	}
	if len(addresses) == 0 && v.kind == list {
		v.fail("", "must name at least one")
	}
	return addresses
}
