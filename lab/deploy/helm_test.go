package deploy

import (
	"flag"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

var update = flag.Bool("update", false, "rewrite testdata/helm, deploy/kubernetes and the chart's copy of the alerts: look at the difference before committing it")

const (
	helmFolder = "../../deploy/helm"
	chart      = helmFolder + "/keyturn"
	plain      = "../../deploy/kubernetes"
	example    = helmFolder + "/example.values.yaml"
	namespace  = "keyturn" // and the release's name
)

// sets are the values that the chart is rendered with.
func sets(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob("testdata/helm/*.values.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files of values, %v", len(files), err)
	}
	all := map[string]map[string]any{}
	for _, file := range append(files, example) {
		all[strings.TrimSuffix(filepath.Base(file), ".values.yaml")] = values(t, file)
	}
	return all
}

func values(t *testing.T, file string) map[string]any {
	t.Helper()
	v, err := chartutil.ReadValuesFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// render is what `helm template keyturn` makes of values, by the names of the templates.
func render(values map[string]any) (map[string]string, error) {
	c, err := loader.Load(chart)
	if err != nil {
		return nil, err
	}
	release := chartutil.ReleaseOptions{Name: namespace, Namespace: namespace, Revision: 1, IsInstall: true}
	top, err := chartutil.ToRenderValues(c, values, release, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	all, err := engine.Render(c, top)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for name, text := range all {
		if name, ok := strings.CutPrefix(name, "keyturn/templates/"); ok && strings.TrimSpace(text) != "" {
			files[name] = text
		}
	}
	return files, nil
}

// manifests is what is rendered, but for the notes.
func manifests(t *testing.T, values map[string]any) map[string]string {
	t.Helper()
	files, err := render(values)
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(files["NOTES.txt"]) == "" {
		t.Error("there are no notes")
	}
	delete(files, "NOTES.txt")
	return files
}

// objects are those of a rendering, decoded as the cluster does it with strict validation of fields.
func objects(t *testing.T, values map[string]any) []runtime.Object {
	t.Helper()
	known := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		apps.AddToScheme, core.AddToScheme, networking.AddToScheme, policy.AddToScheme, rbac.AddToScheme, monitoring.AddToScheme,
	} {
		if err := add(known); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(known, serializer.EnableStrict).UniversalDeserializer()
	var all []runtime.Object
	files := manifests(t, values)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		for _, text := range documents(files[file]) {
			object, _, err := decoder.Decode([]byte(text), nil, nil)
			if err != nil {
				t.Fatalf("%s: %v in:\n%s", file, err, text)
			}
			all = append(all, object)
		}
	}
	return all
}

var (
	between = regexp.MustCompile(`(?m)^---$`)
	remarks = regexp.MustCompile(`(?m)^\s*(#.*)?$`)
)

func documents(text string) []string {
	return slices.DeleteFunc(between.Split(text, -1), func(one string) bool {
		return strings.TrimSpace(remarks.ReplaceAllString(one, "")) == ""
	})
}

// of are the objects of one kind.
func of[T runtime.Object](all []runtime.Object) []T {
	var some []T
	for _, object := range all {
		if one, ok := object.(T); ok {
			some = append(some, one)
		}
	}
	return some
}

func TestEveryManifestIsWhatKubernetesKnows(t *testing.T) {
	t.Parallel()
	for name, values := range sets(t) {
		taken := map[string]bool{}
		for _, object := range objects(t, values) {
			kind := object.GetObjectKind().GroupVersionKind().Kind
			m, ok := object.(meta.Object)
			if !ok {
				t.Fatalf("%s: a %T has no name", name, object)
			}
			id := kind + " " + m.GetNamespace() + "/" + m.GetName()
			if taken[id] || m.GetName() == "" || m.GetNamespace() == "" || len(m.GetName()) > 63 {
				t.Errorf("%s: %s has no name of its own", name, id)
			}
			taken[id] = true
			if m.GetNamespace() != namespace && kind != "Role" && kind != "RoleBinding" {
				t.Errorf("%s: %s is not in the release's namespace", name, id)
			}
		}
	}
}

// golden compares a text with a file, or writes the file.
func golden(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want := string(read(t, file)); text != want {
		t.Errorf("%s is out of date: look at what `go test -C lab/deploy . -update` changes; now it would be\n%s", file, text)
	}
}

func TestTheManifestsOfEachSetOfValuesAreTheGoldenOnes(t *testing.T) {
	t.Parallel()
	for name, values := range sets(t) {
		if name == "example" {
			continue // it is deploy/kubernetes
		}
		files, all := manifests(t, values), ""
		for _, file := range slices.Sorted(maps.Keys(files)) {
			all += "# Source: " + file + "\n" + tidy(files[file])
		}
		golden(t, filepath.Join("testdata/helm", name+".golden.yaml"), all)
	}
}

var (
	blank    = regexp.MustCompile(`(?m)^[ \t]*\n`)
	trailing = regexp.MustCompile(`(?m)[ \t]+$`)
	hook     = regexp.MustCompile(`(?m)^  annotations:\n    helm\.sh/hook: .*\n    helm\.sh/hook-delete-policy: .*\n`)
	helms    = regexp.MustCompile(`(?m)^ +(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n`)
)

// tidy takes out the blank lines that templates leave.
func tidy(text string) string {
	text = trailing.ReplaceAllString(text, "")
	return strings.TrimSpace(blank.ReplaceAllString(text, "")) + "\n"
}

func TestThePlainManifestsAreTheChartsWithTheValuesOfTheExample(t *testing.T) {
	t.Parallel()
	files := manifests(t, values(t, example))
	for file, text := range files {
		text = helms.ReplaceAllString(hook.ReplaceAllString(tidy(text), ""), "")
		if strings.Contains(strings.ToLower(text), "helm") {
			t.Errorf("%s knows of Helm:\n%s", file, text)
		}
		golden(t, path.Join(plain, file), "# Made of deploy/helm/keyturn and deploy/helm/example.values.yaml: a test compares it. Copy it, and put yours in its place.\n"+text)
	}
	err := filepath.WalkDir(plain, func(file string, entry os.DirEntry, err error) error {
		within, _ := filepath.Rel(plain, file)
		if _, made := files[filepath.ToSlash(within)]; err == nil && !entry.IsDir() && !made && within != "README.md" {
			t.Errorf("%s is made of nothing", file)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
