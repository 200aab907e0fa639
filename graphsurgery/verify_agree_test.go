package graphsurgery

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// faulty is a case of testdata/faulty/verdicts.json: a small model and what
// onnx's checker said of it.
type faulty struct {
	Name    string
	Default string
	Full    *string `json:"full_check"` // nil: as Default
	Model   []byte
}

func (f faulty) full() string {
	if f.Full == nil {
		return f.Default
	}
	return *f.Full
}

func faultyModels(t testing.TB) []faulty {
	t.Helper()
	data, err := os.ReadFile("testdata/faulty/verdicts.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Cases []faulty }
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all.Cases
}

// loadFaulty reads a case from a folder such as the checker read it from.
func loadFaulty(t testing.TB, dir string, f faulty) (*Model, error) {
	t.Helper()
	path := filepath.Join(dir, f.Name+".onnx")
	if err := os.WriteFile(path, f.Model, 0o600); err != nil {
		t.Fatal(err)
	}
	return Limits{CallDepth: 2 * maxCallDepth}.Load(path) // the limit itself is not onnx 1.22's
}

func faultyFolder(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "faulty")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "weights.bin"), make([]byte, 16), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// disagreements are cases where we judge otherwise than onnx 1.22 on purpose.
var disagreements = map[string]string{
	"function_calls_itself_in_branch": "Load refuses calls without end; onnx 1.22 looks at calls outside branches only, and its full_check then overflows the stack; onnx 1.23 refuses it",
}

// TestAgreesWithChecker compares LevelSchema with check_model's default, LevelTypes
// with its full_check.
func TestAgreesWithChecker(t *testing.T) {
	dir := faultyFolder(t)
	used := map[string]bool{}
	for _, f := range faultyModels(t) {
		m, err := loadFaulty(t, dir, f)
		for _, c := range []struct {
			level Level
			want  string
		}{{LevelSchema, f.Default}, {LevelTypes, f.full()}} {
			got := err
			if got == nil {
				got = m.VerifyLevel(c.level)
			}
			if (got == nil) == (c.want == "") {
				continue
			}
			if disagreements[f.Name] != "" {
				used[f.Name] = true
				continue
			}
			t.Errorf("%s, level %s: got %v, want onnx's verdict %q", f.Name, c.level, got, c.want)
		}
	}
	for name := range disagreements {
		if !used[name] {
			t.Errorf("%s is listed as a disagreement, but we agree", name)
		}
	}
}

// TestStrictRejects: every case but those named ok_ has a fault that the strictest
// level sees.
func TestStrictRejects(t *testing.T) {
	dir := faultyFolder(t)
	for _, f := range faultyModels(t) {
		m, err := loadFaulty(t, dir, f)
		if err == nil {
			err = m.VerifyLevel(LevelStrict)
		}
		if wantOK := strings.HasPrefix(f.Name, "ok_"); wantOK != (err == nil) {
			t.Errorf("%s: got %v", f.Name, err)
		}
	}
}

// TestNodeTests judges onnx's own test models, all of which its checker accepts but
// for one, over which its full_check stumbles.
func TestNodeTests(t *testing.T) {
	data, err := os.ReadFile("testdata/nodetests.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Kinds map[string]struct {
			Models  int
			Default map[string]string
			Full    map[string]string `json:"full_check"`
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	for kind, want := range golden.Kinds {
		dirs, ok := testutil.NodeTests(t, kind)
		if !ok {
			return
		}
		if len(dirs) != want.Models {
			t.Errorf("%d models of kind %s, want %d", len(dirs), kind, want.Models)
		}
		for _, dir := range dirs {
			m, err := Load(filepath.Join(dir, "model.onnx"))
			if err != nil {
				t.Errorf("%s: %v", dir, err)
				continue
			}
			name := filepath.Base(dir)
			if name == "test_mvn" { // the standard's own body of MeanVarianceNormalization has a Constant without value here
				delete(want.Full, name)
			}
			for level, refused := range map[Level]map[string]string{LevelSchema: want.Default, LevelTypes: want.Full} {
				if err := m.VerifyLevel(level); (err == nil) != (refused[name] == "") {
					t.Errorf("%s/%s, level %s: got %v, want onnx's verdict %q", kind, name, level, err, refused[name])
				}
			}
		}
	}
}
