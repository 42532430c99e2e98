package kirimemail

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"keyturn/internal/sandbox/core"
)

// reasons are KIRIM.EMAIL's words; its errors have no codes, so an injected code stands in for the message.
var reasons = map[core.Outcome]core.Reason{
	core.OutUnknown:      core.Because(http.StatusNotFound, "", "Credential not found"),
	core.OutUnauthorized: core.Because(http.StatusUnauthorized, "", "Unauthorized"),
	core.OutThrottled:    core.Because(http.StatusTooManyRequests, "", "Too many attempts. Please try again later."),
	core.OutFailed:       core.Because(http.StatusInternalServerError, "", "An error occurred while processing the request."),
	core.OutUnavailable:  core.Because(http.StatusServiceUnavailable, "", "Service unavailable"),
	core.OutRejected:     core.Because(http.StatusUnprocessableEntity, "", "Validation failed"),
	core.OutRepeat:       core.Because(http.StatusUnprocessableEntity, "", "Validation failed"),
	core.OutMalformed:    core.Because(http.StatusUnprocessableEntity, "", "Validation failed"),
}

var (
	otherDomain = core.Because(http.StatusForbidden, "", "Credential does not belong to the specified domain")
	noDomain    = core.Because(http.StatusNotFound, "", "Domain not found")
	noEndpoint  = core.Because(http.StatusNotFound, "", "Not found")
	badMethod   = core.Because(http.StatusMethodNotAllowed, "", "Method not allowed")
	full        = core.Because(http.StatusUnprocessableEntity, "", "The limit of credentials of this domain is reached")
	taken       = core.Because(http.StatusUnprocessableEntity, "", "The username has already been taken")
)

// limits adds the headers that every reply carries.
func limits(c *core.Call, rep core.Reply) core.Reply {
	if rep.Header == nil {
		rep.Header = http.Header{}
	}
	if c.Pass.Limit > 0 {
		rep.Header.Set("X-RateLimit-Limit", strconv.Itoa(c.Pass.AMinute()))
		rep.Header.Set("X-RateLimit-Remaining", strconv.Itoa(c.Pass.Remaining))
	}
	return rep
}

func (k service) refuse(c *core.Call, why core.Refusal) core.Reply {
	row := why.In(reasons)
	if row.Code != "" {
		row.Message = row.Code
	}
	rep := limits(c, failure(row, why.Outcome))
	if why.Outcome == core.OutThrottled {
		rep.Header.Set("Retry-After", strconv.Itoa(wholeSeconds(why.RetryAfter)))
		rep.Header.Set("X-RateLimit-Remaining", "0")
	}
	return rep
}

// wholeSeconds rounds up, so that who waits that long waits long enough.
func wholeSeconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }

func failure(why core.Reason, o core.Outcome) core.Reply {
	return core.JSONReply(why.Status, map[string]any{"success": false, "message": why.Message}, o)
}

// credential is the resource as the API shows it; times are Unix seconds.
type credential struct {
	ID         int    `json:"id"`
	GUID       string `json:"user_smtp_guid"`
	Username   string `json:"username"`
	IsVerified bool   `json:"is_verified"`
	Status     bool   `json:"status"`
	CreatedAt  int64  `json:"created_at"`
	ModifiedAt int64  `json:"modified_at"`
}

func asCredential(r core.Record) credential {
	_, guid, _ := strings.Cut(r.Target, "/")
	modified := r.CreatedAt
	if r.AcceptedAt.After(modified) {
		modified = r.AcceptedAt
	}
	return credential{
		ID: r.ID, GUID: guid, Username: r.Username, IsVerified: true, Status: true,
		CreatedAt: r.CreatedAt.Unix(), ModifiedAt: modified.Unix(),
	}
}

// list answers a page. Its envelope is the one that all official SDKs can read: Go and Python know the credentials as
// data itself, Node takes them there or one level deeper.
func (k service) list(domain string, r *http.Request) core.Reply {
	all := k.Ledger.List(domain + "/")
	if len(all) == 0 {
		return failure(noDomain, core.OutUnknown)
	}
	limit, page := queryInt(r, "limit", 20), queryInt(r, "page", 1)
	if limit < 1 || limit > 100 || page < 1 {
		return failure(reasons[core.OutMalformed], core.OutMalformed)
	}
	from := min((page-1)*limit, len(all))
	upto := min(from+limit, len(all))
	items := make([]credential, 0, limit)
	for _, r := range all[from:upto] {
		items = append(items, asCredential(r))
	}
	pagination := map[string]int{
		"total": len(all), "per_page": limit, "current_page": page, "last_page": (len(all) + limit - 1) / limit,
		"count": len(items), "offset": from, "limit": limit,
	}
	return core.JSONReply(http.StatusOK, map[string]any{
		"success": true, "domain": domain, "data": items, "pagination": pagination,
	}, core.OutRead)
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
