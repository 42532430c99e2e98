package doctor

// Severity is how bad a finding is.
type Severity string

// The severities.
const (
	OK      Severity = "ok"
	Skipped Severity = "skipped" // it was not looked at, and What says why
	Warning Severity = "warning" // keyturn works, and less well than it should or not for long
	Error   Severity = "error"   // something does not rotate, or will not when its time comes
)

// Area is what a finding is about.
type Area string

// The areas, in the order in which they are reported.
const (
	AreaRedis      Area = "redis"
	AreaVault      Area = "vault"
	AreaClock      Area = "clock"
	AreaProvider   Area = "provider"
	AreaMail       Area = "mail"
	AreaRate       Area = "rate"
	AreaSchedulers Area = "schedulers"
	AreaQueue      Area = "queue"
)

// Finding is one thing that was looked at. It holds no secret. Its texts may hold a server's own words.
type Finding struct {
	Area     Area     `json:"area"`
	Subject  string   `json:"subject"` // the address, store or account
	Severity Severity `json:"severity"`
	What     string   `json:"what"`
	Why      string   `json:"why,omitempty"` // it matters
	Fix      string   `json:"fix,omitempty"`
	// Commands do what Fix says, or are lines for a file that Fix names.
	Commands []string `json:"commands,omitempty"`
}

// Report is all that was found.
type Report struct {
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Skipped  int       `json:"skipped"`
	Findings []Finding `json:"findings"`
}

// NewReport counts findings.
func NewReport(findings []Finding) Report {
	r := Report{Findings: findings}
	for _, f := range findings {
		switch f.Severity {
		case Error:
			r.Errors++
		case Warning:
			r.Warnings++
		case Skipped:
			r.Skipped++
		case OK:
		}
	}
	return r
}
