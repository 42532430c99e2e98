package document

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAPlaceThatCannotBeReadIsLeftOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty, full := filepath.Join(dir, "empty.yaml"), filepath.Join(dir, "full.yaml")
	for file, text := range map[string]string{empty: "", full: "a: 1\nb: 2\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	list := []*Error{
		{File: filepath.Join(dir, "no-such-file"), Line: 3, Column: 1, Message: "is wrong"},
		{File: empty, Line: 1, Column: 1, Message: "is empty"},
		{File: full, Line: 9999, Column: 1, Message: "is too far"},
		{File: full, Line: 1, Column: 9999, Message: "is too wide"},
		{File: full, Message: "is a file"},
	}
	if err := Show(&b, list); err != nil || strings.Count(b.String(), "\n") != len(list) {
		t.Errorf("%v\n%s", err, b.String())
	}
}
