package sandbox

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// kirimReasons are KIRIM.EMAIL's words; its errors have no codes, so an injected code stands in for the message.
var kirimReasons = map[outcome]reason{
	outUnknown:      {http.StatusNotFound, "", "Credential not found"},
	outUnauthorized: {http.StatusUnauthorized, "", "Unauthorized"},
	outThrottled:    {http.StatusTooManyRequests, "", "Too many attempts. Please try again later."},
	outFailed:       {http.StatusInternalServerError, "", "An error occurred while processing the request."},
	outUnavailable:  {http.StatusServiceUnavailable, "", "Service unavailable"},
	outRejected:     {http.StatusUnprocessableEntity, "", "Validation failed"},
	outRepeat:       {http.StatusUnprocessableEntity, "", "Validation failed"},
	outMalformed:    {http.StatusUnprocessableEntity, "", "Validation failed"},
}

var (
	kirimForbidden  = reason{http.StatusForbidden, "", "Credential does not belong to the specified domain"}
	kirimNoDomain   = reason{http.StatusNotFound, "", "Domain not found"}
	kirimNoEndpoint = reason{http.StatusNotFound, "", "Not found"}
	kirimBadMethod  = reason{http.StatusMethodNotAllowed, "", "Method not allowed"}
	kirimTaken      = reason{http.StatusUnprocessableEntity, "", "The username has already been taken"}
)

// kirim is the stand-in of KIRIM.EMAIL. Its targets are named DOMAIN/GUID.
type kirim struct{ *service }

// kirimNames are the SMTP user names of a credential: with and without its domain.
func kirimNames(r record) []string {
	domain, _, _ := strings.Cut(r.Target, "/")
	return []string{strings.ToLower(r.Username + "@" + domain), strings.ToLower(r.Username)}
}

func (k kirim) open(r *http.Request, body []byte) (*call, *reply) {
	user, token, _ := r.BasicAuth()
	account := k.accounts[user]
	if account == nil || subtle.ConstantTimeCompare([]byte(account.secret), []byte(token)) == 0 {
		rep := kirimError(kirimReasons[outUnauthorized], outUnauthorized)
		return nil, &rep
	}
	c := &call{account: account}
	c.refuse = func(why refusal) reply { return k.refuse(c, why) }
	domain, guid, action, ok := kirimPath(r.URL.Path)
	c.target = domain + "/" + guid
	var do func(lag lag) reply
	switch {
	case !ok:
		return k.fixed(c, kirimNoEndpoint, outMalformed)
	case guid == "" && r.Method == http.MethodGet:
		c.op, c.target, do = "list", "", func(lag) reply { return k.list(domain, r) }
	case guid == "" && r.Method == http.MethodPost:
		c.op, c.target, c.changes, do = "create", domain, true, func(lag lag) reply { return k.create(domain, body, lag) }
	case action == "reset-password" && r.Method == http.MethodPut:
		c.op, c.changes, do = "reset-password", true, func(lag lag) reply { return k.reset(c.target, lag) }
	case guid != "" && action == "" && r.Method == http.MethodGet:
		c.op, do = "get", func(lag) reply { return k.get(c.target) }
	case guid != "" && action == "" && r.Method == http.MethodDelete:
		c.op, c.changes, do = "delete", true, func(lag) reply { return k.delete(c.target) }
	default:
		return k.fixed(c, kirimBadMethod, outMalformed)
	}
	c.do = func(lag lag) reply { return c.limits(do(lag)) }
	return c, nil
}

// fixed is a call that is refused whatever its account's window says.
func (k kirim) fixed(c *call, why reason, o outcome) (*call, *reply) {
	c.do = func(lag) reply { return c.limits(kirimError(why, o)) }
	return c, nil
}

// kirimPath takes /api/domains/{domain}/credentials[/{guid}[/reset-password]] apart.
func kirimPath(path string) (domain, guid, action string, ok bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) < 4 || len(parts) > 6 || parts[0] != "api" || parts[1] != "domains" || parts[3] != "credentials" {
		return "", "", "", false
	}
	parts = append(parts, "", "")
	return strings.ToLower(parts[2]), parts[4], parts[5], parts[2] != "" && (parts[5] == "" || parts[5] == "reset-password")
}

// limits adds the headers that every reply carries.
func (c *call) limits(rep reply) reply {
	if rep.header == nil {
		rep.header = http.Header{}
	}
	if c.pass.limit > 0 {
		rep.header.Set("X-RateLimit-Limit", strconv.Itoa(c.pass.aMinute()))
		rep.header.Set("X-RateLimit-Remaining", strconv.Itoa(c.pass.remaining))
	}
	return rep
}

func (k kirim) refuse(c *call, why refusal) reply {
	row := why.in(kirimReasons)
	if row.code != "" {
		row.message = row.code
	}
	rep := c.limits(kirimError(row, why.outcome))
	if why.outcome == outThrottled {
		rep.header.Set("Retry-After", strconv.Itoa(wholeSeconds(why.retryAfter)))
		rep.header.Set("X-RateLimit-Remaining", "0")
	}
	return rep
}

// wholeSeconds rounds up, so that who waits that long waits long enough.
func wholeSeconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }

func kirimError(why reason, o outcome) reply {
	return jsonReply(why.status, map[string]any{"success": false, "message": why.message}, o)
}

// kirimCredential is the resource as the API shows it; times are Unix seconds.
type kirimCredential struct {
	ID         int    `json:"id"`
	GUID       string `json:"user_smtp_guid"`
	Username   string `json:"username"`
	IsVerified bool   `json:"is_verified"`
	Status     bool   `json:"status"`
	CreatedAt  int64  `json:"created_at"`
	ModifiedAt int64  `json:"modified_at"`
}

func asCredential(r record) kirimCredential {
	_, guid, _ := strings.Cut(r.Target, "/")
	modified := r.CreatedAt
	if r.AcceptedAt.After(modified) {
		modified = r.AcceptedAt
	}
	return kirimCredential{
		ID: r.ID, GUID: guid, Username: r.Username, IsVerified: true, Status: true,
		CreatedAt: r.CreatedAt.Unix(), ModifiedAt: modified.Unix(),
	}
}

// missing tells a credential of another domain from none at all.
func (k kirim) missing(target string) reply {
	domain, guid, _ := strings.Cut(target, "/")
	if len(k.ledger.list(domain+"/")) == 0 {
		return kirimError(kirimNoDomain, outUnknown)
	}
	for _, r := range k.ledger.list("") {
		if strings.HasSuffix(r.Target, "/"+guid) {
			return kirimError(kirimForbidden, outUnknown)
		}
	}
	return kirimError(kirimReasons[outUnknown], outUnknown)
}

func (k kirim) reset(target string, lag lag) reply {
	password := rand.Text()
	r, result := k.ledger.set(target, password, lag.delay)
	switch result {
	case outAccepted:
		return jsonReply(http.StatusOK, map[string]any{
			"success": true,
			"message": "Password reset successfully.",
			"data": map[string]any{
				"credential":    asCredential(r),
				"new_password":  password,
				"strength_info": map[string]any{"strength": "strong", "score": 9},
				"remote_synced": !lag.unsynced,
			},
		}, outAccepted)
	case outUnknown:
		return k.missing(target)
	default:
		return kirimError(kirimReasons[outFailed], outFailed)
	}
}

func (k kirim) get(target string) reply {
	r, ok := k.ledger.get(target)
	if !ok {
		return k.missing(target)
	}
	return jsonReply(http.StatusOK, map[string]any{"success": true, "data": asCredential(r)}, outRead)
}

func (k kirim) delete(target string) reply {
	if _, ok := k.ledger.get(target); !ok {
		return k.missing(target)
	}
	if err := k.ledger.remove(target); err != nil {
		return kirimError(kirimReasons[outFailed], outFailed)
	}
	return jsonReply(http.StatusOK, map[string]any{"success": true, "message": "Credential deleted successfully."}, outAccepted)
}

func (k kirim) create(domain string, body []byte, lag lag) reply {
	var in struct {
		Username string `json:"username"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Username == "" || strings.ContainsAny(in.Username, "@/ \r\n") {
		return kirimError(kirimReasons[outMalformed], outMalformed)
	}
	present := k.ledger.list(domain + "/")
	if len(present) == 0 {
		return kirimError(kirimNoDomain, outUnknown)
	}
	for _, r := range present {
		if strings.EqualFold(r.Username, in.Username) {
			return kirimError(kirimTaken, outMalformed)
		}
	}
	password := rand.Text()
	added, err := k.ledger.add(Target{Target: domain + "/" + uuid.NewString(), Username: in.Username, Password: password})
	if err != nil {
		return kirimError(kirimReasons[outFailed], outFailed)
	}
	return jsonReply(http.StatusCreated, map[string]any{
		"success": true,
		"message": "Credential created successfully.",
		"data": map[string]any{
			"credential": asCredential(added[0]), "password": password, "remote_synced": !lag.unsynced,
		},
	}, outAccepted)
}

// list answers a page. Its envelope is the one that all official SDKs can read: Go and Python know the credentials as
// data itself, Node takes them there or one level deeper.
func (k kirim) list(domain string, r *http.Request) reply {
	all := k.ledger.list(domain + "/")
	if len(all) == 0 {
		return kirimError(kirimNoDomain, outUnknown)
	}
	limit, page := queryInt(r, "limit", 20), queryInt(r, "page", 1)
	if limit < 1 || limit > 100 || page < 1 {
		return kirimError(kirimReasons[outMalformed], outMalformed)
	}
	from := min((page-1)*limit, len(all))
	upto := min(from+limit, len(all))
	items := make([]kirimCredential, 0, limit)
	for _, r := range all[from:upto] {
		items = append(items, asCredential(r))
	}
	pagination := map[string]int{
		"total": len(all), "per_page": limit, "current_page": page, "last_page": (len(all) + limit - 1) / limit,
		"count": len(items), "offset": from, "limit": limit,
	}
	return jsonReply(http.StatusOK, map[string]any{
		"success": true, "domain": domain, "data": items, "pagination": pagination,
	}, outRead)
}

// queryInt reads a whole number of up to 6 digits from the query; -1 if it is none.
func queryInt(r *http.Request, name string, absent int) int {
	text := r.URL.Query().Get(name)
	if text == "" {
		return absent
	}
	n, err := strconv.Atoi(text)
	if err != nil || len(text) > 6 {
		return -1
	}
	return n
}
