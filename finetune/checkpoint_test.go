package finetune

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample(step int) *checkpoint {
	best := EpochResult{Epoch: 1, LearningRate: 1e-4, TrainLoss: 0.1 + 0.2, ValLoss: 1.0 / 3, ValAccuracy: 0.75}
	return &checkpoint{
		Tool: "aat-onnx test", ConfigDigest: "sha256:c", ModelDigest: "sha256:m", DataDigest: "sha256:d",
		Step: step, Epoch: 1, Batch: 3, LossSum: math.Pi, LossItems: 24, Best: &best, History: []EpochResult{best},
		Tensors: []namedTensor{
			{Name: "value/a", Shape: []int{2, 3}, Data: []float32{1, -2, 3e-39, float32(math.Copysign(0, -1)), 5, 6}},
			{Name: "value/scalar", Shape: []int{}, Data: []float32{7}},
			{Name: "value/empty", Shape: []int{0, 4}, Data: []float32{}},
		},
	}
}

func encoded(t testing.TB, c *checkpoint) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := c.write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bits makes float32 values comparable to the bit.
var bits = cmp.Comparer(func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) })

func TestCheckpointRoundTrip(t *testing.T) {
	want := sample(17)
	data := encoded(t, want)
	got, err := decodeCheckpoint(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(), bits); diff != "" {
		t.Errorf("checkpoint differs (-want +got):\n%s", diff)
	}
	if again := encoded(t, got); !bytes.Equal(again, data) {
		t.Error("written again it has other bytes")
	}
}

// Every single damaged byte, and every shorter length, must be noticed.
func TestDamageIsNoticed(t *testing.T) {
	data := encoded(t, sample(17))
	for i := range data {
		for _, flip := range []byte{0x01, 0x80} {
			bad := bytes.Clone(data)
			bad[i] ^= flip
			if _, err := decodeCheckpoint(bad); err == nil {
				t.Fatalf("byte %d flipped by %#x was not noticed", i, flip)
			}
		}
	}
	for n := range data {
		if _, err := decodeCheckpoint(data[:n]); err == nil {
			t.Fatalf("cut to %d of %d bytes was not noticed", n, len(data))
		}
	}
	if _, err := decodeCheckpoint(append(bytes.Clone(data), 0)); err == nil {
		t.Error("a byte too many was not noticed")
	}
}

// sealed puts a header and values together with a right trailer, so that only
// the inner checks can refuse it.
func sealed(version uint32, headerLen int, header string, values []byte) []byte {
	b := []byte(checkpointMagic)
	b = binary.LittleEndian.AppendUint32(b, version)
	b = binary.LittleEndian.AppendUint32(b, uint32(headerLen))
	b = append(append(b, header...), values...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func TestCheckpointErrors(t *testing.T) {
	good := func(tensors string) string { return `{"step":1,"tensors":` + tensors + `}` }
	header := func(tensors string, values int) []byte {
		h := good(tensors)
		return sealed(1, len(h), h, make([]byte, values))
	}
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "0 bytes are too few for a checkpoint"},
		{"another file", []byte(strings.Repeat("RIFF", 20)), "does not start like a checkpoint"},
		{"version", sealed(2, 2, "{}", nil), "format version 2, want 1: use the program version that wrote it"},
		{"long header", sealed(1, 3, "{}", nil), "its header is said to be 3 bytes long, more than there are"},
		{"no JSON", sealed(1, 2, "{]", nil), "its header: "},
		{"unknown field", sealed(1, 9, `{"new":1}`, nil), `its header: json: unknown field "new"`},
		{"negative step", sealed(1, 11, `{"step":-1}`, nil), "its header holds a negative position"},
		{"too large", header(`[{"name":"a","shape":[1099511627776]}]`, 8), `tensor "a" of shape [1099511627776] is larger than the 8 bytes left`},
		{"overflow", header(`[{"name":"a","shape":[4294967296,4294967296,2]}]`, 8), `tensor "a" of shape [4294967296 4294967296 2] is larger than the 8 bytes left`},
		{"negative size", header(`[{"name":"a","shape":[-1]}]`, 8), `tensor "a" of shape [-1] is larger than the 8 bytes left`},
		{"twice", header(`[{"name":"a","shape":[1]},{"name":"a","shape":[1]}]`, 8), `holds tensor "a" twice`},
		{"rest", header(`[{"name":"a","shape":[1]}]`, 8), "4 bytes follow the last tensor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := decodeCheckpoint(c.data)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// What is accepted can be written and read to the same content. The trailer is
// made right for body, else nothing would get past it.
func checkBody(t *testing.T, body []byte) (accepted bool) {
	sum := sha256.Sum256(body)
	first, err := decodeCheckpoint(append(bytes.Clone(body), sum[:]...))
	if err != nil {
		return false
	}
	second, err := decodeCheckpoint(encoded(t, first))
	if err != nil {
		t.Fatalf("written again it is refused: %v\n%q", err, body)
	}
	if !bytes.Equal(encoded(t, first), encoded(t, second)) {
		t.Fatalf("the checkpoint changed when written again\n%q", body)
	}
	return true
}

func FuzzReadCheckpoint(f *testing.F) {
	whole := encoded(f, sample(17))
	f.Add(whole[:len(whole)-sha256.Size])
	f.Add([]byte(checkpointMagic + "\x01\x00\x00\x00\x02\x00\x00\x00{}"))
	f.Add([]byte(checkpointMagic))
	f.Fuzz(func(t *testing.T, body []byte) { checkBody(t, body) })
}

// Native fuzzing is slow in a test binary this large (it counts all of GoMLX's
// branches), so 20 000 seeded mutations run with every test.
func TestMutatedCheckpoints(t *testing.T) {
	whole := encoded(t, sample(17))
	rng := rand.New(rand.NewPCG(5, 6))
	accepted := 0
	for range 20000 {
		body := bytes.Clone(whole[:len(whole)-sha256.Size])
		for range 1 + rng.IntN(3) {
			at := rng.IntN(len(body))
			switch rng.IntN(4) {
			case 0:
				body[at] = byte(rng.Uint32())
			case 1: // a digit or a sign of JSON
				body[at] = `0123456789-,:[]{}"e.`[rng.IntN(20)]
			case 2:
				body = slices.Delete(body, at, min(len(body), at+1+rng.IntN(8)))
			case 3:
				body = slices.Insert(body, at, body[at/2:at/2+min(8, len(body)-at/2)]...)
			}
		}
		if checkBody(t, body) {
			accepted++
		}
	}
	// Most mutations break the header's length; changed values must get through.
	if accepted < 300 || accepted > 19000 {
		t.Errorf("%d of 20000 mutated states are accepted: the mutations do not test both ways", accepted)
	}
}

func lockedFolder(t *testing.T) *folder {
	t.Helper()
	f, err := openFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func mustSave(t *testing.T, f *folder, steps ...int) {
	t.Helper()
	for _, s := range steps {
		if err := f.save(sample(s)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTwoGenerationsAreKept(t *testing.T) {
	f := lockedFolder(t)
	if c, warnings, err := f.newest(); c != nil || warnings != nil || err != nil {
		t.Errorf("an empty folder gives %v, %v, %v", c, warnings, err)
	}
	mustSave(t, f, 1, 2, 3)
	for name, want := range map[string]int{fileCheckpoint: 3, filePrevious: 2} {
		c, err := readCheckpoint(f.path(name))
		if err != nil || c.Step != want {
			t.Errorf("%s holds %v (%v), want step %d", name, c, err, want)
		}
	}
	if f.exists(fileRotating) {
		t.Errorf("%s was left", fileRotating)
	}
}

// At each step of a save, what is on disk at that moment loads, is the state
// before or after, and two valid generations are there.
func TestEveryMomentOfASaveIsSafe(t *testing.T) {
	f := lockedFolder(t)
	mustSave(t, f, 1, 2)
	var points []string
	f.at = func(point string) {
		points = append(points, point)
		valid := 0
		for _, name := range []string{fileCheckpoint, filePrevious, fileRotating} {
			if _, err := readCheckpoint(f.path(name)); err == nil {
				valid++
			} else if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %s is damaged: %v", point, name, err)
			}
		}
		c, _, err := f.newest()
		if err != nil || valid < 2 {
			t.Errorf("%s: %d valid generations, newest %v", point, valid, err)
			return
		}
		want := 2
		if strings.HasPrefix(point, "committed") || point == "rotated" {
			want = 3
		}
		if c.Step != want {
			t.Errorf("%s: the newest state has step %d, want %d", point, c.Step, want)
		}
	}
	mustSave(t, f, 3)
	want := []string{"created checkpoint.aat", "half checkpoint.aat", "written checkpoint.aat", "linked", "committed checkpoint.aat", "rotated"}
	if diff := cmp.Diff(want, points); diff != "" {
		t.Errorf("points passed (-want +got):\n%s", diff)
	}
}

// Copies of the folder as it was at each step of a save stand for processes that
// ended there; each must tidy up, load, and save again.
func TestTidyAfterAnInterruptedSave(t *testing.T) {
	f := lockedFolder(t)
	mustSave(t, f, 1, 2)
	copies := map[string]string{}
	f.at = func(point string) {
		copies[point] = t.TempDir()
		if err := os.CopyFS(copies[point], os.DirFS(f.dir)); err != nil {
			t.Fatal(err)
		}
	}
	mustSave(t, f, 3)
	for point, dir := range copies {
		g := &folder{dir: dir}
		before, _, err := g.newest()
		if err != nil {
			t.Fatalf("%s: %v", point, err)
		}
		if err := g.tidy(); err != nil {
			t.Fatalf("%s: %v", point, err)
		}
		after, _, err := g.newest()
		if err != nil || after.Step != before.Step {
			t.Errorf("%s: tidying turned step %d into %v (%v)", point, before.Step, after, err)
		}
		mustSave(t, g, 9)
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if diff := cmp.Diff([]string{fileCheckpoint, filePrevious, fileLock}, names); diff != "" {
			t.Errorf("%s: files left (-want +got):\n%s", point, diff)
		}
		if c, err := readCheckpoint(g.path(filePrevious)); err != nil || c.Step != before.Step {
			t.Errorf("%s: the former generation is %v (%v), want step %d", point, c, err, before.Step)
		}
	}
}

// A damaged newest state is passed over with a warning that names it, set aside,
// and never rotated over the valid one.
func TestFallBackToTheFormerCheckpoint(t *testing.T) {
	whole := encoded(t, sample(2))
	damage := map[string][]byte{"empty": {}, "half": whole[:len(whole)/2], "without its end": whole[:len(whole)-1], "text": []byte("hello")}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 4
	damage["one bit flipped"] = flipped
	for name, content := range damage {
		t.Run(name, func(t *testing.T) {
			f := lockedFolder(t)
			mustSave(t, f, 1, 2)
			if err := os.WriteFile(f.path(fileCheckpoint), content, 0o644); err != nil {
				t.Fatal(err)
			}
			c, warnings, err := f.newest()
			if err != nil || c.Step != 1 {
				t.Fatalf("got %v, %v, want step 1", c, err)
			}
			if len(warnings) != 1 || !strings.Contains(warnings[0], fileCheckpoint+": is damaged: ") {
				t.Errorf("warnings %q do not name the damaged file", warnings)
			}
			if err := f.tidy(); err != nil {
				t.Fatal(err)
			}
			mustSave(t, f, 3)
			if c, err := readCheckpoint(f.path(filePrevious)); err != nil || c.Step != 1 {
				t.Errorf("the former generation is %v (%v), want step 1", c, err)
			}
			if !f.exists(fileDamaged) {
				t.Error("the damaged file was not set aside")
			}
		})
	}
}

func TestNoValidCheckpointIsAnError(t *testing.T) {
	f := lockedFolder(t)
	mustSave(t, f, 1, 2)
	for _, name := range []string{fileCheckpoint, filePrevious} {
		if err := os.WriteFile(f.path(name), []byte("lost"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := f.newest()
	var ce *CheckpointError
	if !errors.As(err, &ce) || ce.Path != filepath.Join(f.dir, fileCheckpoint) {
		t.Errorf("error %v, want a CheckpointError that names the newest file", err)
	}
}

func TestValuesThatAreNotFiniteAreNotSaved(t *testing.T) {
	f := lockedFolder(t)
	mustSave(t, f, 1)
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		c := sample(2)
		c.Tensors[0].Data[4] = bad
		err := f.save(c)
		var de *DivergedError
		if !errors.As(err, &de) || de.Where != "value/a" || de.Step != 2 {
			t.Errorf("saving %v gives %v, want a DivergedError about value/a at step 2", bad, err)
		}
	}
	if c, _, err := f.newest(); err != nil || c.Step != 1 {
		t.Errorf("the newest state is %v (%v), want step 1", c, err)
	}
}

func TestLock(t *testing.T) {
	f := lockedFolder(t)
	_, err := openFolder(f.dir)
	var le *LockedError
	if !errors.As(err, &le) || le.PID != os.Getpid() {
		t.Fatalf("error %v, want a LockedError that names process %d", err, os.Getpid())
	}
	host, hostErr := os.Hostname()
	if hostErr == nil && le.Host != host {
		t.Errorf("host %q, want %q", le.Host, host)
	}
	if err := f.lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	g, err := openFolder(f.dir)
	if err != nil {
		t.Fatalf("after it was given back: %v", err)
	}
	if err := g.close(); err != nil {
		t.Error(err)
	}
}
