package described

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyturn/internal/providers/declared"
	"keyturn/internal/rotation"
	"keyturn/internal/sandbox/core"
)

// kinds are what the examples of refusals mean.
var kinds = map[core.Outcome]rotation.Kind{
	core.OutRepeat: rotation.Repeat, core.OutRejected: rotation.Rejected, core.OutUnknown: rotation.Target,
	core.OutUnauthorized: rotation.Unauthorized, core.OutThrottled: rotation.RateLimited,
}

// statuses are those of what the description has no answer for: a text, which proves nothing.
var statuses = map[core.Outcome]int{
	core.OutRepeat: http.StatusInternalServerError, core.OutRejected: http.StatusBadRequest, core.OutUnknown: http.StatusNotFound,
	core.OutUnauthorized: http.StatusUnauthorized, core.OutThrottled: http.StatusTooManyRequests, core.OutMalformed: http.StatusBadRequest,
	core.OutFailed: http.StatusInternalServerError, core.OutUnavailable: http.StatusServiceUnavailable,
}

func find(answers []declared.Answer, is func(declared.Answer) bool) *declared.Answer {
	if i := slices.IndexFunc(answers, is); i >= 0 {
		return &answers[i]
	}
	return nil
}

// accept answers that a password was set, and shows it where the provider made it.
func (s *service) accept(target, password string) core.Reply {
	one := *find(s.answers, func(a declared.Answer) bool { return a.Success }) // a description has one
	if one.Shows != "" {
		one.Body = strings.ReplaceAll(one.Body, one.Shows, password)
	}
	return s.reply(target, one, core.OutAccepted)
}

// refuse answers with the example of such a refusal. What the provider cannot say is a text that proves nothing.
func (s *service) refuse(target string, why core.Refusal) core.Reply {
	one := find(s.answers, func(a declared.Answer) bool { return !a.Success && s.says(a, why) })
	if one == nil {
		status := statuses[why.Outcome]
		one = &declared.Answer{Status: status, Body: http.StatusText(status)}
	}
	said := *one
	if why.Code != "" && said.Code != why.Code {
		said = s.coded(said, why.Code)
	}
	if why.Status != 0 {
		said.Status = why.Status
	}
	rep := s.reply(target, said, why.Outcome)
	if why.Outcome == core.OutThrottled {
		s.wait(rep.Header, why.RetryAfter)
	}
	return rep
}

// says tells whether an example is what a refusal asks for: its code, or else its kind.
func (s *service) says(a declared.Answer, why core.Refusal) bool {
	if why.Code != "" && s.has(why.Code) {
		return a.Code == why.Code
	}
	if why.Outcome == core.OutFailed {
		return a.Kind == rotation.InDoubt && a.Status >= http.StatusInternalServerError
	}
	kind, can := kinds[why.Outcome]
	return can && a.Kind == kind
}

func (s *service) has(code string) bool {
	return find(s.answers, func(a declared.Answer) bool { return !a.Success && a.Code == code }) != nil
}

// coded puts another code into an answer that has one.
func (s *service) coded(said declared.Answer, code string) declared.Answer {
	if said.Code == "" {
		other := find(s.answers, func(a declared.Answer) bool { return !a.Success && a.Code != "" })
		if other == nil {
			said.Body = code
			return said
		}
		said.Body, said.Code = other.Body, other.Code
	}
	said.Body = strings.ReplaceAll(said.Body, said.Code, code)
	return said
}

// reply writes an example about another target than the one it was written for.
func (s *service) reply(target string, one declared.Answer, o core.Outcome) core.Reply {
	rep := core.Reply{Status: one.Status, Header: http.Header{}, ContentType: "text/plain", Outcome: o}
	for name, value := range one.Header {
		if name := http.CanonicalHeaderKey(name); name != "Date" { // which is the sandbox's own
			rep.Header.Set(name, value)
		}
	}
	if strings.HasPrefix(strings.TrimSpace(one.Body), "{") || strings.HasPrefix(strings.TrimSpace(one.Body), "[") {
		rep.ContentType = "application/json"
	}
	rep.Body = []byte(s.about(target, one.Body))
	return rep
}

// about puts a target, and its parts, in the place of those that the examples are about.
func (s *service) about(target, text string) string {
	example := s.description.Targets()[0]
	theirs, ours := s.description.PartsOf(example), s.description.PartsOf(target)
	if ours == nil || target == example {
		return text
	}
	const shortest = 3 // what is shorter stands in other words too
	words := map[string]string{example: target}
	for name, part := range theirs {
		if len(part) >= shortest {
			words[part] = ours[name]
		}
	}
	var pairs []string
	for _, word := range longestFirst(words) {
		pairs = append(pairs, word, words[word])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

func longestFirst(words map[string]string) []string {
	var all []string
	for word := range words {
		all = append(all, word)
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}

// wait says how long to wait as the example does: in its header, as a number of seconds, an instant or a date.
func (s *service) wait(header http.Header, d time.Duration) {
	name := http.CanonicalHeaderKey(s.description.WaitHeader())
	example := header.Get(name)
	seconds := strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
	if name == "" || example == "" {
		header.Set("Retry-After", seconds)
		return
	}
	header.Del("Retry-After")
	const firstSecond, firstMilli = 1e9, 1e12
	at := s.Now().Add(d)
	switch number, err := strconv.ParseInt(example, 10, 64); {
	case err != nil:
		header.Set(name, at.UTC().Format(http.TimeFormat))
	case number >= firstMilli:
		header.Set(name, strconv.FormatInt(at.UnixMilli(), 10))
	case number >= firstSecond:
		header.Set(name, strconv.FormatInt(at.Unix()+1, 10))
	default:
		header.Set(name, seconds)
	}
}
