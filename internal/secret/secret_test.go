package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"go.yaml.in/yaml/v3"

	"keyturn/internal/secret"
)

const canary = "Canary7pQzX4wLm2Kd9"

// leaks reports the forms of the canary that text holds: as it is, and as verbs and encodings write strings.
func leaks(text string) []string {
	var codes []string
	for _, b := range []byte(canary) {
		codes = append(codes, strconv.Itoa(int(b)))
	}
	var found []string
	for name, form := range map[string]string{
		"text": canary, "part": canary[3:11], "hex": hex.EncodeToString([]byte(canary)),
		"spaced hex": fmt.Sprintf("% x", canary), "base64": base64.StdEncoding.EncodeToString([]byte(canary)),
		"bytes": strings.Join(codes, " "), "Go bytes": strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", []byte(canary)), "[]byte{"), "}"),
		"JSON bytes": strings.Join(codes, ","),
	} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
			found = append(found, name)
		}
	}
	return found
}

type exported struct{ Password secret.Value }

type unexported struct{ password secret.Value }

type embedded struct{ secret.Value }

type pointed struct {
	Password *secret.Value
	password *secret.Value
}

type deep struct {
	Any  any
	list []unexported
	byID map[string]exported
}

// holders are the places where a secret may sit when the value around it is printed.
func holders() map[string]any {
	v := secret.New(canary)
	return map[string]any{
		"value":               v,
		"pointer":             &v,
		"exported field":      exported{v},
		"unexported field":    unexported{v},
		"pointer to a struct": &unexported{v},
		"embedded":            embedded{v},
		"pointer fields":      pointed{&v, &v},
		"slice":               []secret.Value{v},
		"array":               [1]secret.Value{v},
		"map value":           map[string]secret.Value{"password": v},
		"map key":             map[secret.Value]string{v: "password"},
		"interface":           []any{v, &v},
		"deep":                deep{Any: unexported{v}, list: []unexported{{v}}, byID: map[string]exported{"a": {v}}},
		"anonymous struct":    struct{ a, b secret.Value }{v, v},
		"reflect.Value":       reflect.ValueOf(exported{v}),
	}
}

func TestNoVerbShowsTheText(t *testing.T) {
	t.Parallel()
	for name, holder := range holders() {
		for verb := '!'; verb <= '~'; verb++ {
			for _, flags := range []string{"", "+", "#", "-", " ", "0", "+#", "# ", "3.2", "200", "[1]", "+200.100"} {
				format := "%" + flags + string(verb)
				if found := leaks(fmt.Sprintf(format, holder)); found != nil {
					t.Errorf("%s under %s shows %v", name, format, found)
				}
			}
		}
		if found := leaks(fmt.Sprint(holder) + fmt.Sprintln(holder)); found != nil {
			t.Errorf("%s under Print shows %v", name, found)
		}
	}
}

func TestNoErrorShowsTheText(t *testing.T) {
	t.Parallel()
	for name, holder := range holders() {
		for _, format := range []string{"set %v", "set %s", "set %d", "set %w"} { // the last is a misuse that happens
			err := fmt.Errorf("rotation: %w", fmt.Errorf(format, holder))
			text := err.Error() + fmt.Sprintf("%+v %#v", err, errors.Join(err, io.EOF))
			if found := leaks(text); found != nil {
				t.Errorf("%s in an error shows %v", name, found)
			}
		}
	}
}

func TestNoEncoderWritesTheText(t *testing.T) {
	t.Parallel()
	encoders := map[string]func(any) ([]byte, error){
		"json": json.Marshal,
		"xml":  xml.Marshal,
		"yaml": yaml.Marshal,
		"gob": func(v any) ([]byte, error) {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(v)
			return b.Bytes(), err
		},
		"template": func(v any) ([]byte, error) {
			var b bytes.Buffer
			err := template.Must(template.New("").Parse("{{.}} {{printf `%d %s` . .}}")).Execute(&b, v)
			return b.Bytes(), err
		},
	}
	for encoder, encode := range encoders {
		for name, holder := range holders() {
			if _, isReflect := holder.(reflect.Value); isReflect {
				continue // no data of a program
			}
			text, err := encode(holder) // some encoders refuse some holders, which is as good
			if found := leaks(fmt.Sprint(string(text), err)); found != nil {
				t.Errorf("%s of %s shows %v", encoder, name, found)
			}
		}
	}
}

func TestNoLogHandlerShowsTheText(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	options := &slog.HandlerOptions{Level: slog.LevelDebug}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, options), slog.NewJSONHandler(&out, options)} {
		logger := slog.New(handler)
		for name, holder := range holders() {
			logger.Info("with a secret", "name", name, "holder", holder, slog.Group("group", "holder", holder))
			logger.With("holder", holder).WithGroup("group").Debug("with a secret", "error", fmt.Errorf("about %v", holder))
		}
	}
	classic := log.New(&out, "", 0)
	for _, holder := range holders() {
		classic.Println(holder)
	}
	if found := leaks(out.String()); found != nil {
		t.Errorf("the log shows %v", found)
	}
	if out.Len() < 5000 {
		t.Errorf("only %d bytes were logged", out.Len())
	}
}

func TestRevealReturnsTheText(t *testing.T) {
	t.Parallel()
	if got := secret.New(canary).Reveal(); got != canary {
		t.Error("another text")
	}
	for _, v := range []secret.Value{{}, secret.New("")} {
		if !v.IsZero() || v.Reveal() != "" {
			t.Error("an empty value is not empty")
		}
	}
	if secret.New(canary).IsZero() {
		t.Error("a value is empty")
	}
}

func TestEqualComparesTexts(t *testing.T) {
	t.Parallel()
	a, b := secret.New(canary), secret.New(strings.Clone(canary))
	if !a.Equal(b) || !a.Equal(a) || !(secret.Value{}).Equal(secret.New("")) {
		t.Error("equal texts are not equal")
	}
	for _, other := range []secret.Value{{}, secret.New("x"), secret.New(canary + "x"), secret.New(strings.ToLower(canary))} {
		if a.Equal(other) || other.Equal(a) {
			t.Error("other texts are equal")
		}
	}
}
