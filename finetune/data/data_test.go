package data

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// birds is a folder of two labels with n recordings each.
func birds(n int) map[string][]byte {
	files := map[string][]byte{}
	for i := range n {
		files[fmt.Sprintf("robin/r%02d.wav", i)] = tone(300 + float64(i))
		files[fmt.Sprintf("wren/deep/er/w%02d.WAV", i)] = tone(2000 + float64(i))
	}
	return files
}

func TestOpenFolderOfLabels(t *testing.T) {
	files := birds(10)
	files["robin/.hidden.wav"] = tone(1)
	files[".git/config.wav"] = tone(1)
	files["robin/notes.txt"] = []byte("a note")
	files["loose.wav"] = tone(1)
	dir := write(t, files)
	set, err := Open(dir, Options{FrontEnd: frontEnd()})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"robin", "wren"}; !slices.Equal(set.Labels, want) {
		t.Errorf("labels %q, want %q", set.Labels, want)
	}
	// 15 % of 10 rounds to 2, for each label and each of val and test.
	if got, want := [3]int{set.Count(Train), set.Count(Val), set.Count(Test)}, [3]int{12, 4, 4}; got != want {
		t.Errorf("splits hold %v, want %v", got, want)
	}
	for _, it := range set.Items {
		want := 0
		if strings.HasPrefix(it.File, "wren/deep/er/") {
			want = 1
		}
		if it.Label != want || len(it.Features) != 20*16 {
			t.Errorf("%s: label %d with %d features, want %d with 320", it.File, it.Label, len(it.Features), want)
		}
	}
	if len(set.Warnings) != 1 || set.Warnings[0].Kind != Unlabeled || !slices.Equal(set.Warnings[0].Files, []string{"loose.wav"}) {
		t.Errorf("warnings %v, want one about loose.wav", set.Warnings)
	}
}

func TestOpenIsDeterministic(t *testing.T) {
	dir := write(t, birds(8))
	var digests []string
	for _, workers := range []int{1, 2, 7} {
		set, err := Open(dir, Options{FrontEnd: frontEnd(), Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, set.Digest())
	}
	if digests[0] != digests[1] || digests[0] != digests[2] {
		t.Errorf("the number of workers changes the set: %q", digests)
	}
	other, err := Open(dir, Options{FrontEnd: frontEnd(), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if other.Digest() == digests[0] {
		t.Error("another seed gives the same split")
	}
}

func TestOpenFolderOfSplits(t *testing.T) {
	files := map[string][]byte{}
	for i, split := range []string{"Train", "validation", "test"} {
		for j := range 3 - i {
			files[fmt.Sprintf("%s/a/%d.wav", split, j)] = tone(float64(100 + 10*i + j))
			files[fmt.Sprintf("%s/b/%d.wav", split, j)] = tone(float64(900 + 10*i + j))
		}
	}
	set, err := Open(write(t, files), Options{FrontEnd: frontEnd()})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := [3]int{set.Count(Train), set.Count(Val), set.Count(Test)}, [3]int{6, 4, 2}; got != want {
		t.Errorf("splits hold %v, want %v", got, want)
	}
	if set.SplitHere || len(set.Warnings) != 0 {
		t.Errorf("SplitHere %v, warnings %v, want false and none", set.SplitHere, set.Warnings)
	}
}

// A source may name its splits otherwise.
func TestOwnSplitNames(t *testing.T) {
	rows := []string{"1.wav,a,Fold1,", "2.wav,b,fold2,", "3.wav,a,fold3,", "4.wav,b,fold4,"}
	names := SplitNames{Train: []string{"fold1", "fold2"}, Val: []string{"fold3"}, Test: []string{"fold4"}}
	set, err := Open(filepath.Join(write(t, csvTree(rows...)), "t.csv"), Options{FrontEnd: frontEnd(), Splits: names})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Split{Train, Train, Val, Test} {
		if got := set.Items[i].Split; got != want {
			t.Errorf("%s is in %s, want %s", set.Items[i].File, got, want)
		}
	}
}

// Vehicles may be called train: that is a label, not a split.
func TestTrainIsALabelAmongOthers(t *testing.T) {
	files := map[string][]byte{}
	for i := range 4 {
		files[fmt.Sprintf("train/t%d.wav", i)] = tone(100 + float64(i))
		files[fmt.Sprintf("bus/b%d.wav", i)] = tone(900 + float64(i))
	}
	set, err := Open(write(t, files), Options{FrontEnd: frontEnd()})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"bus", "train"}; !slices.Equal(set.Labels, want) {
		t.Errorf("labels %q, want %q", set.Labels, want)
	}
}

// csvTree is a table with its recordings: rows "file,label,split,site".
func csvTree(rows ...string) map[string][]byte {
	files := map[string][]byte{"t.csv": []byte("file,label,split,site\n" + strings.Join(rows, "\n") + "\n")}
	for i, r := range rows {
		name, _, _ := strings.Cut(r, ",")
		if name != "missing.wav" {
			files[name] = tone(200 + 50*float64(i))
		}
	}
	return files
}

func goodRows() []string {
	return []string{"x/1.wav,a,train,n", "x/2.wav,b,train,n", "3.wav,a,val,s", "4.wav,b,VAL,s", "5.wav,a,test,w", "6.wav,b,test,w"}
}

func TestOpenCSV(t *testing.T) {
	dir := write(t, csvTree(goodRows()...))
	set, err := Open(filepath.Join(dir, "t.csv"), Options{FrontEnd: frontEnd(), Labels: []string{"b", "a"}})
	if err != nil {
		t.Fatal(err)
	}
	type brief struct {
		File  string
		Label int
		Split Split
		Site  string
	}
	var got []brief
	for _, it := range set.Items {
		got = append(got, brief{it.File, it.Label, it.Split, it.Groups["site"]})
	}
	want := []brief{
		{"x/1.wav", 1, Train, "n"}, {"x/2.wav", 0, Train, "n"}, {"3.wav", 1, Val, "s"},
		{"4.wav", 0, Val, "s"}, {"5.wav", 1, Test, "w"}, {"6.wav", 0, Test, "w"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("items differ (-want +got):\n%s", diff)
	}
}

// One site must never stand in two splits when the split is made by site.
func TestSplitByGroup(t *testing.T) {
	table := "file,label,site\n"
	files := map[string][]byte{}
	for i := range 60 {
		name := fmt.Sprintf("%d.wav", i)
		table += fmt.Sprintf("%s,%c,site%d\n", name, 'a'+i%2, i/3)
		files[name] = tone(100 + 10*float64(i))
	}
	files["t.csv"] = []byte(table)
	dir := write(t, files)
	set, err := Open(filepath.Join(dir, "t.csv"), Options{FrontEnd: frontEnd(), GroupBy: "site"})
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]Split{}
	for _, it := range set.Items {
		site := it.Groups["site"]
		if s, seen := at[site]; seen && s != it.Split {
			t.Errorf("%s stands in %s and %s", site, s, it.Split)
		}
		at[site] = it.Split
	}
	if set.Count(Train) == 0 || set.Count(Val) == 0 || set.Count(Test) == 0 {
		t.Errorf("a split is empty: %d %d %d", set.Count(Train), set.Count(Val), set.Count(Test))
	}
}

func TestOpenErrors(t *testing.T) {
	broken := func(n int) map[string][]byte {
		files := birds(10)
		for i := range n {
			files[fmt.Sprintf("robin/r%02d.wav", i)] = []byte("not audio")
		}
		return files
	}
	silent := map[string][]byte{}
	for i := range 4 {
		silent[fmt.Sprintf("a/%d.wav", i)] = wav(1000+i, 0)
		silent[fmt.Sprintf("b/%d.wav", i)] = wav(2000+i, 0)
	}
	oneLabel := map[string][]byte{"a/1.wav": tone(1), "a/2.wav": tone(2)}
	rows := goodRows
	for _, c := range []struct {
		name  string
		files map[string][]byte
		path  string
		opts  Options
		want  string // DIR stands for the folder
	}{
		{"nothing there", nil, "no/such", Options{}, "cannot read the recordings: stat DIR/no/such: no such file or directory"},
		{"empty folder", nil, "", Options{}, "no audio files in label folders below DIR"},
		{"no audio", map[string][]byte{"a/x.txt": nil, "b/y.txt": nil}, "", Options{}, "no audio files in label folders below DIR"},
		{"files in the root only", map[string][]byte{"x.wav": tone(1)}, "", Options{}, "1 audio file lies in DIR itself, but none in a label folder below it: x.wav"},
		{"one label", oneLabel, "", Options{}, `2 recordings have only the label "a"; a classifier needs at least two`},
		{"empty split folder", map[string][]byte{"train/a/1.wav": tone(1), "train/b/2.wav": tone(2), "val/a/x.txt": nil}, "", Options{}, "the val split is empty: no audio files in label folders below DIR/val"},
		{"no val", map[string][]byte{"train/a/1.wav": tone(1), "train/b/2.wav": tone(2), "test/a/3.wav": tone(3)}, "", Options{}, "the val split of DIR is empty: got 2 train, 0 val, 1 test"},
		{"too few to split", map[string][]byte{"a/1.wav": tone(1), "b/2.wav": tone(2)}, "", Options{}, `DIR is too small to split: each label needs at least 3 recordings (where they are grouped, of as many groups), one each for train, val and test: "a" has 1, "b" has 1`},
		{"one label to train on", csvTree("1.wav,a,train,", "2.wav,b,val,"), "t.csv", Options{}, "the train split of DIR/t.csv has one label only; a classifier needs at least two"},
		{"strange label", csvTree(append(rows(), "7.wav,zebra,test,n")...), "t.csv", Options{Labels: []string{"a", "b"}}, `1 recording has a label that the model does not have: 7.wav (line 8) has "zebra"`},
		{"missing", csvTree(append(rows(), "missing.wav,a,test,n")...), "t.csv", Options{}, "1 of 7 recordings in t.csv cannot be found: missing.wav (line 8)"},
		{"unknown split", csvTree(append(rows(), "7.wav,a,prod,n")...), "t.csv", Options{}, `t.csv line 8: split "prod", want one of train, training, val, valid, validation, dev, test, testing, eval`},
		{"two labels", csvTree(append(rows(), "3.wav,b,val,n")...), "t.csv", Options{}, `t.csv lines 4 and 8 give 3.wav two labels, "a" and "b"`},
		{"no such group", map[string][]byte{"t.csv": []byte("file,label\n1.wav,a\n2.wav,b\n"), "1.wav": tone(1), "2.wav": tone(2)}, "t.csv", Options{GroupBy: "site"}, `no group column "site" to split by`},
		{"absolute path", csvTree(append(rows(), "/etc/7.wav,a,test,n")...), "t.csv", Options{}, `t.csv line 8: the path "/etc/7.wav" is absolute, want one relative to the table's folder and below it`},
		{"drive", csvTree(append(rows(), `C:\x\7.wav,a,test,n`)...), "t.csv", Options{}, `t.csv line 8: the path "C:\\x\\7.wav" is absolute, want one relative to the table's folder and below it`},
		{"upwards", csvTree(append(rows(), "x/../../7.wav,a,test,n")...), "t.csv", Options{}, `t.csv line 8: the path "x/../../7.wav" leaves the folder of the table, want one relative to the table's folder and below it`},
		{"all broken", map[string][]byte{"a/1.wav": []byte("x"), "b/2.wav": []byte("y")}, "", Options{}, "none of 2 recordings can be read: "},
		{"two broken of six", brokenOf(6, 2), "", Options{}, "2 of 6 recordings cannot be read, more than the tolerated share of 10 %: "},
		{"too many broken", broken(3), "", Options{}, "3 of 20 recordings cannot be read, more than the tolerated share of 10 %: robin/r00.wav: "},
		{"one broken, none tolerated", broken(1), "", Options{MaxBadShare: -1}, "1 of 20 recordings cannot be read, more than the tolerated share of 0 %: robin/r00.wav: "},
		{"all silent", silent, "", Options{}, "all 8 recordings are silent: a/0.wav, a/1.wav, a/2.wav, a/3.wav, b/0.wav and 3 more"},
		{"too large", birds(3), "", Options{MaxBytes: 10}, "the features of 6 recordings need 0 MiB, more than the limit of 0 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := write(t, c.files)
			c.opts.FrontEnd = frontEnd()
			_, err := Open(filepath.Join(dir, c.path), c.opts)
			var de *DataError
			if !errors.As(err, &de) {
				t.Fatalf("error %v, want a DataError", err)
			}
			want := strings.ReplaceAll(c.want, "DIR", dir)
			if got := err.Error(); got != want && !(strings.HasSuffix(want, ": ") && strings.HasPrefix(got, want)) {
				t.Errorf("error\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestBrokenRecordingsAreSkippedAndReported(t *testing.T) {
	files := birds(10)
	files["robin/r03.wav"] = []byte("RIFF but not really")
	files["wren/deep/er/w01.WAV"] = nil
	set, err := Open(write(t, files), Options{FrontEnd: frontEnd()})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range set.Skipped {
		names = append(names, s.File)
		if s.Err == nil || s.String() == s.File {
			t.Errorf("%s is skipped without a reason", s.File)
		}
	}
	if want := []string{"robin/r03.wav", "wren/deep/er/w01.WAV"}; !slices.Equal(names, want) || len(set.Items) != 18 {
		t.Errorf("skipped %q of %d kept, want %q of 18", names, len(set.Items), want)
	}
}

// brokenOf is n recordings of two labels, the first bad of them no audio.
func brokenOf(n, bad int) map[string][]byte {
	files := birds(n / 2)
	for i := range bad {
		files[fmt.Sprintf("robin/r%02d.wav", i)] = []byte("not audio")
	}
	return files
}

// One broken file is no reason to refuse a small set.
func TestOneBrokenRecordingOfSixIsSkipped(t *testing.T) {
	set, err := Open(write(t, brokenOf(6, 1)), Options{FrontEnd: frontEnd(), Measure: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Skipped) != 1 || len(set.Items) != 5 {
		t.Errorf("%d skipped, %d kept, want 1 and 5", len(set.Skipped), len(set.Items))
	}
}

// Paths may wander inside the table's folder, and links there may lead anywhere.
func TestTableFollowsLinksInItsFolder(t *testing.T) {
	outside := write(t, map[string][]byte{"far.wav": tone(800), "hard.wav": tone(900)})
	dir := write(t, csvTree("x/../1.wav,a,train,", "link/far.wav,b,train,", "2.wav,a,val,", "hard.wav,b,val,"))
	for _, err := range []error{
		os.RemoveAll(filepath.Join(dir, "link")), os.Symlink(outside, filepath.Join(dir, "link")),
		os.Remove(filepath.Join(dir, "hard.wav")), os.Link(filepath.Join(outside, "hard.wav"), filepath.Join(dir, "hard.wav")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	set, err := Open(filepath.Join(dir, "t.csv"), Options{FrontEnd: frontEnd()})
	if err != nil || len(set.Items) != 4 {
		t.Errorf("got %v (%v), want 4 recordings", set, err)
	}
}

func TestSplitSeedIsKept(t *testing.T) {
	here, err := Open(write(t, birds(4)), Options{FrontEnd: frontEnd(), Seed: 7})
	if err != nil || !here.SplitHere || here.SplitSeed != 7 {
		t.Errorf("got %+v (%v), want a split made here from seed 7", here, err)
	}
	named, err := Open(filepath.Join(write(t, csvTree(goodRows()...)), "t.csv"), Options{FrontEnd: frontEnd(), Seed: 7})
	if err != nil || named.SplitHere || named.SplitSeed != 0 {
		t.Errorf("got %+v (%v), want named splits without a seed", named, err)
	}
}

// The no-audio hint names what can be read, and nothing else.
func TestNoAudioHint(t *testing.T) {
	_, err := Open(t.TempDir(), Options{FrontEnd: frontEnd()})
	var de *DataError
	if !errors.As(err, &de) || !strings.Contains(de.Hint, "WAV or FLAC") || strings.Contains(de.Hint, "mp3") {
		t.Errorf("error %v, hint %q", err, de.Hint)
	}
}

// A stereo file whose first channel is silent is silent to a front end that
// takes that one, and only to it.
func TestSilenceIsThatOfTheChannelTaken(t *testing.T) {
	stereo := wav(2000, 440)
	stereo[22], stereo[32] = 2, 4 // two channels, four bytes a frame
	for i := 44; i+4 <= len(stereo); i += 4 {
		stereo[i], stereo[i+1] = 0, 0
	}
	path := filepath.Join(write(t, map[string][]byte{"s.wav": stereo}), "s.wav")
	for channel, want := range map[string]bool{"first": true, "": false} {
		f := frontEnd()
		f.Channel = channel
		r, err := newReader(f)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.read(path); got.err != nil || got.silent != want {
			t.Errorf("channel %q: silent is %v (%v), want %v", channel, got.silent, got.err, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	rows := append(goodRows(), "7.wav,a,train,n", "8.wav,a,test,n", "9.wav,a,train,n")
	files := csvTree(rows...)
	files["8.wav"] = files["x/1.wav"] // train and test
	files["9.wav"] = files["x/1.wav"] // train twice
	files["7.wav"] = wav(3000, 0)     // silent
	files["6.wav"] = wav(5000, 440)   // 30 frames
	dir := write(t, files)
	set, err := Open(filepath.Join(dir, "t.csv"), Options{FrontEnd: frontEnd(), Labels: []string{"a", "b", "c"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range set.Warnings {
		got = append(got, string(w.Kind)+": "+w.String())
	}
	want := []string{
		`absent: no recording has the label "c"`,
		"silent: 1 recording is silent: 7.wav (line 8)",
		"cut: 1 recording is longer than the model's 20 frames; what is beyond them is not used: 6.wav (line 7)",
		"leak: 1 recording stands in two splits with the same content, so the measured accuracy is too good: x/1.wav (train) = 8.wav (test)",
		"repeated: 1 recording repeats the content of another one in the same split: x/1.wav = 9.wav (train)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings differ (-want +got):\n%s", diff)
	}
}

func TestOpenStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	opts := Options{FrontEnd: frontEnd(), Workers: 1, Progress: func(done, _ int) {
		if done == 2 {
			cancel()
		}
	}}
	if _, err := OpenContext(ctx, write(t, birds(50)), opts); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

func TestLabelFolderMayBeALink(t *testing.T) {
	outside := write(t, map[string][]byte{"1.wav": tone(500), "2.wav": tone(501), "3.wav": tone(502)})
	dir := write(t, map[string][]byte{"a/1.wav": tone(1), "a/2.wav": tone(2), "a/3.wav": tone(3)})
	if err := os.Symlink(outside, filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	set, err := Open(dir, Options{FrontEnd: frontEnd()})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Items) != 6 || set.Items[5].File != "b/3.wav" {
		t.Errorf("got %d items, the last %q, want 6 and b/3.wav", len(set.Items), set.Items[len(set.Items)-1].File)
	}
}
