package config

import (
	"net"
	"reflect"
	"strconv"

	"keyturn/internal/config/document"
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

// Equal tells whether two configurations mean the same Redis, wherever in their files they say so.
func (r Redis) Equal(other Redis) bool { return reflect.DeepEqual(r.placeless(), other.placeless()) }

func (r Redis) placeless() Redis {
	r.Password = r.Password.placeless()
	if r.Sentinel != nil {
		sentinel := *r.Sentinel
		sentinel.Password = sentinel.Password.placeless()
		r.Sentinel = &sentinel
	}
	return r
}

// TLS is a client's side of TLS. Certificate and key come together.
type TLS struct {
	CAFile     string // PEM; "" means the system's roots
	CertFile   string // PEM
	KeyFile    string // PEM
	ServerName string // "" means the name of the host
}

var redisFields = fields[Redis]{
	{"address", func(_ *loader, r *Redis, v *document.Value) { r.Address = hostPort(v) }},
	{"addresses", func(_ *loader, r *Redis, v *document.Value) { r.Addresses = hostPorts(v) }},
	{"sentinel", func(l *loader, r *Redis, v *document.Value) { r.Sentinel = l.sentinel(v) }},
	{"db", func(_ *loader, r *Redis, v *document.Value) { r.DB = v.Integer(0, 1<<20) }},
	{"username", func(_ *loader, r *Redis, v *document.Value) { r.Username = v.Text() }},
	{"password", func(l *loader, r *Redis, v *document.Value) { r.Password = l.localSource(v) }},
	{"tls", func(l *loader, r *Redis, v *document.Value) { r.TLS = l.tls(v) }},
}

var sentinelFields = fields[Sentinel]{
	{"master", func(_ *loader, s *Sentinel, v *document.Value) { s.Master = v.Text() }},
	{"addresses", func(_ *loader, s *Sentinel, v *document.Value) { s.Addresses = hostPorts(v) }},
	{"username", func(_ *loader, s *Sentinel, v *document.Value) { s.Username = v.Text() }},
	{"password", func(l *loader, s *Sentinel, v *document.Value) { s.Password = l.localSource(v) }},
}

var tlsFields = fields[TLS]{
	{"ca_file", func(l *loader, t *TLS, v *document.Value) { t.CAFile = l.certificates(v) }},
	{"cert_file", func(l *loader, t *TLS, v *document.Value) { t.CertFile = l.certificates(v) }},
	{"key_file", func(l *loader, t *TLS, v *document.Value) { t.KeyFile = l.file(v) }},
	{"server_name", func(_ *loader, t *TLS, v *document.Value) { t.ServerName = v.Text() }},
}

func (l *loader) redis(v *document.Value) {
	r := &l.cfg.Redis
	redisFields.decode(l, v, r)
	v.ExactlyOne("address", "addresses", "sentinel")
	if r.Addresses != nil && r.DB != 0 {
		v.FailIn("db", "", "a cluster has only database 0")
	}
}

func (l *loader) sentinel(v *document.Value) *Sentinel {
	s := &Sentinel{}
	sentinelFields.decode(l, v, s)
	v.Require("master", "addresses")
	return s
}

func (l *loader) tls(v *document.Value) *TLS {
	t := &TLS{}
	tlsFields.decode(l, v, t)
	if (t.CertFile == "") != (t.KeyFile == "") {
		v.Fail("", "cert_file and key_file come together")
	}
	return t
}

// hostPort returns a text such as "redis:6379" or "[::1]:6379".
func hostPort(v *document.Value) string {
	address := v.Text()
	if address == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || host == "" {
		v.FailUnseen("", "must be HOST:PORT")
	}
	return address
}

func hostPorts(v *document.Value) []string {
	var addresses []string
	for _, item := range v.Items() {
		addresses = append(addresses, hostPort(item))
	}
	if len(addresses) == 0 && v.Kind() == document.List {
		v.Fail("", "must name at least one")
	}
	return addresses
}
