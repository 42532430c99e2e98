package described

import (
	"cmp"
	"maps"
	"math"
	"net/http"
	"regexp"
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

// success is the example of a call's success, of which a description has one.
func (s *service) success(call string) declared.Answer {
	return *find(s.answers[call], func(a declared.Answer) bool { return a.Success && !a.Gone })
}

// refuse answers with the example of such a refusal. What the provider cannot say is a text that proves nothing.
func (s *service) refuse(call, target string, why core.Refusal) core.Reply {
	one := find(s.answers[call], func(a declared.Answer) bool { return !a.Success && s.says(call, a, why) })
	if one == nil {
		status := statuses[why.Outcome]
		one = &declared.Answer{Status: status, Body: http.StatusText(status)}
	}
	said := *one
	if why.Code != "" && said.Code != why.Code {
		said = s.coded(call, said, why.Code)
	}
	if why.Status != 0 {
		said.Status = why.Status
	}
	rep := s.reply(target, said, why.Outcome, nil)
	if why.Outcome == core.OutThrottled {
		s.wait(rep.Header, why.RetryAfter)
	}
	return rep
}

// says tells whether an example is what a refusal asks for: its code, or else its kind.
func (s *service) says(call string, a declared.Answer, why core.Refusal) bool {
	if why.Code != "" && s.has(call, why.Code) {
		return a.Code == why.Code
	}
	if why.Outcome == core.OutFailed {
		return a.Kind == rotation.InDoubt && a.Status >= http.StatusInternalServerError
	}
	kind, can := kinds[why.Outcome]
	return can && a.Kind == kind
}

func (s *service) has(call, code string) bool {
	return find(s.answers[call], func(a declared.Answer) bool { return !a.Success && a.Code == code }) != nil
}

// coded puts another code into an answer that has one.
func (s *service) coded(call string, said declared.Answer, code string) declared.Answer {
	if said.Code == "" {
		other := find(s.answers[call], func(a declared.Answer) bool { return !a.Success && a.Code != "" })
		if other == nil {
			said.Body = code
			return said
		}
		said.Body, said.Code = other.Body, other.Code
	}
	said.Body = strings.ReplaceAll(said.Body, said.Code, code)
	return said
}

// reply writes an example about another target than the one it was written for. words are what else has taken the place of
// what stands in the example.
func (s *service) reply(target string, one declared.Answer, o core.Outcome, words map[string]string) core.Reply {
	rep := core.Reply{Status: one.Status, Header: http.Header{}, Outcome: o}
	for name, value := range one.Header {
		if name := http.CanonicalHeaderKey(name); name != "Date" { // which is the sandbox's own
			rep.Header.Set(name, value)
		}
	}
	switch text := strings.TrimSpace(one.Body); {
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		rep.ContentType = "application/json"
	case strings.HasPrefix(text, "<"):
		rep.ContentType = "text/xml"
	case text != "":
		rep.ContentType = "text/plain"
	}
	rep.Body = []byte(replace(one.Body, s.about(target, words)))
	return rep
}

// about adds to words a target, and its parts, for those that the examples are about.
func (s *service) about(target string, words map[string]string) map[string]string {
	all := map[string]string{}
	example := s.description.Targets()[0]
	if theirs, ours := s.description.PartsOf(example), s.description.PartsOf(target); ours != nil {
		const shortest = 3 // what is shorter may mean something else
		for name, part := range theirs {
			if len(part) >= shortest {
				all[part] = ours[name]
			}
		}
		all[example] = target
	}
	maps.Copy(all, words)
	delete(all, "")
	return all
}

// replace puts words in the place of others, longer ones first, where these stand alone: not in the middle of a longer word.
func replace(text string, words map[string]string) string {
	if len(words) == 0 {
		return text
	}
	longest := slices.SortedFunc(maps.Keys(words), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	var b strings.Builder
next:
	for i := 0; i < len(text); {
		for _, word := range longest {
			end := i + len(word)
			if strings.HasPrefix(text[i:], word) && !joined(text, i) && !joined(text, end) {
				b.WriteString(words[word])
				i = end
				continue next
			}
		}
		b.WriteByte(text[i])
		i++
	}
	return b.String()
}

// joined tells whether a place in a text is in the middle of a word.
func joined(text string, at int) bool {
	return at > 0 && at < len(text) && inWord(text[at-1]) && inWord(text[at])
}

func inWord(c byte) bool {
	return c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// notSynced says in a reply that the password which it shows is not live yet.
func notSynced(field string) func(core.Reply) core.Reply {
	says := regexp.MustCompile(`(?i)(\b` + regexp.QuoteMeta(field) + `"?\s*[:=>]\s*"?)(?:true|1|yes|y|on)\b`)
	return func(rep core.Reply) core.Reply {
		rep.Body = says.ReplaceAll(rep.Body, []byte("${1}false"))
		return rep
	}
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
