package declared

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"keyturn/internal/config/document"
	"keyturn/internal/httpx"
	"keyturn/internal/rotation"
)

// SizeLimit is the longest description, in bytes.
const SizeLimit = 256 << 10

// fields are everything that a description may have.
var fields = []string{
	"code", "name", "call", "doc", "sources", "guessed", "mode", "keys", "endpoint", "regions", "rate", "quota_per", "smtp", "pairs", "sends_as",
	"rule", "target", "secret_in_url", "auth", "set", "issue", "mint", "list", "disable", "enable", "retire", "username", "shows", "answer", "errors", "examples",
}

// Read reads the description in a file. taken are the codes of providers that it must not shadow. What is wrong with it is
// a *document.Errors.
func Read(name string, text []byte, taken ...string) (*Description, error) {
	problems := &document.Problems{}
	file := problems.Open(name)
	if len(text) > SizeLimit {
		file.FailRead(errTooLarge)
		return nil, problems.Err()
	}
	root := document.YAML(file, text, "write it out")
	if root == nil || !root.Only(fields...) {
		return nil, problems.Err()
	}
	d := &Description{mode: rotation.ModeSetter}
	d.readFacts(root, taken)
	d.readCall(root)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	if c := root.Child("examples"); c != nil {
		d.readExamples(c)
	}
	sum := sha256.Sum256(text)
	d.digest = hex.EncodeToString(sum[:])
	return d, problems.Err()
}

// ReadFile is Read for a file that is not read yet. No more of it is read than a description may have.
func ReadFile(name string, taken ...string) (*Description, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, SizeLimit+1))
	if err != nil {
		return nil, err
	}
	return Read(name, text, taken...)
}

// readFacts reads what is true of the provider whatever is called.
func (d *Description) readFacts(v *document.Value, taken []string) {
	v.Require("code", "name", "call", "doc", "mode", "keys", "rate", "target", "auth", "answer", "examples")
	d.regions = readRegions(v)
	for name, read := range map[string]func(*document.Value){
		"code": func(c *document.Value) { d.readCode(c, taken) },
		"name": func(c *document.Value) { d.Name = c.Text() },
		"call": func(c *document.Value) { d.call.name = readCallName(c) },
		"doc":  func(c *document.Value) { d.Doc = webPage(c) },
		"mode": func(c *document.Value) {
			d.mode = []rotation.Mode{rotation.ModeSetter, rotation.ModeIssuer, rotation.ModeMinter}[c.OneOf(Modes()...)]
		},
		"keys":     func(c *document.Value) { d.keys = readKeys(c) },
		"rate":     func(c *document.Value) { d.rate = readRate(c) },
		"smtp":     d.readSMTP,
		"pairs":    func(c *document.Value) { d.pairs = c.Boolean() },
		"sends_as": func(c *document.Value) { d.sendsAs = c.Boolean() },
		"target":   func(c *document.Value) { d.target = readTarget(c) },
		"rule":     func(c *document.Value) { d.rule = readRule(c) },
	} {
		if c := v.Child(name); c != nil {
			read(c)
		}
	}
	if c := v.Child("quota_per"); c != nil {
		d.quotaPer = c.DurationIn(time.Second, 24*time.Hour)
	}
	d.Sources, d.Guessed = readPages(v.Child("sources")), readGuessed(v.Child("guessed"))
}

func (d *Description) readCode(v *document.Value, taken []string) {
	d.Code = codeOf(v)
	for _, other := range taken {
		if other == d.Code {
			v.Fail("give yours another one", "%q is another provider's", other)
		}
	}
}

// readCallName is what errors and metrics call the call.
func readCallName(v *document.Value) string {
	text := v.Text()
	if text != "" && httpx.Printable(text) != text {
		v.Fail("letters, digits, and - . _ between them", "is not a valid name")
	}
	return text
}

// inURL tells whether one of the fields holds a password or a key.
func inURL(query []field) bool {
	for _, f := range query {
		for _, p := range f.value {
			if p.slot == slotPassword || strings.HasPrefix(p.slot, keyPrefix) {
				return true
			}
		}
	}
	return false
}

var errTooLarge = errors.New("a description is at most 256 KiB long")
