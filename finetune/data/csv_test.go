package data

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadCSV(t *testing.T) {
	want := &table{HasSplit: true, Groups: []string{"site"}, Rows: []row{
		{Line: 2, File: "a b.wav", Label: "robin", Split: "train", Groups: []string{"north"}},
		{Line: 3, File: `say "x".wav`, Label: "wren, old", Split: "val", Groups: []string{""}},
	}}
	plain := "file,label,split,site\na b.wav,robin,train,north\n\"say \"\"x\"\".wav\",\"wren, old\",val,\n"
	for name, text := range map[string]string{
		"plain":              plain,
		"byte order mark":    "\xef\xbb\xbf" + plain,
		"CR LF":              strings.ReplaceAll(plain, "\n", "\r\n"),
		"other case, spaces": strings.Replace(plain, "file,label,split,site", "File, LABEL ,Split,Site", 1),
		"no final newline":   strings.TrimSuffix(plain, "\n"),
		"semicolons":         "file;label;split;site\na b.wav;robin;train;north\n\"say \"\"x\"\".wav\";wren, old;val;\n",
		"tabs":               "file\tlabel\tsplit\tsite\na b.wav\trobin\ttrain\tnorth\n\"say \"\"x\"\".wav\"\twren, old\tval\t\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readCSV(strings.NewReader(text), "t.csv")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("table differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadCSVErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "t.csv is empty"},
		{"header only", "file,label\n", "t.csv has a header but no rows"},
		{"no file column", "path,label\na,b\n", `t.csv line 1: no column "file": got ["path" "label"]`},
		{"no label column", "file,class\na,b\n", `t.csv line 1: no column "label": got ["file" "class"]`},
		{"column twice", "file,label,Label\na,b,c\n", `t.csv line 1: column "label" stands twice`},
		{"unnamed column", "file,label,\na,b,c\n", "t.csv line 1: column 3 has no name"},
		{"too few columns", "file,label\na,b\nc\n", "t.csv line 3: the number of columns differs from the header's"},
		{"too many columns", "file,label\na,b,c\n", "t.csv line 2: the number of columns differs from the header's"},
		{"open quote", "file,label\n\"a,b\n", "t.csv line 2: a quote is not closed or stands inside an unquoted value"},
		{"bare quote", "file,label\na\"x,b\n", "t.csv line 2: a quote is not closed or stands inside an unquoted value"},
		{"empty file", "file,label\na,b\n ,b\n", "t.csv line 3: the file column is empty"},
		{"empty label", "file,label\na,\n", "t.csv line 2: the label column is empty"},
		{"empty split", "file,label,split\na,b,\n", "t.csv line 2: the split column is empty, want train, val or test"},
		{"latin 1", "file,label\na,b\nc,r\xe4\n", "t.csv line 3: the text is not UTF-8"},
		{"utf 16", "\xff\xfef\x00i\x00", "t.csv line 1: the text is UTF-16, want UTF-8"},
		{"binary", "RIFF\n\x00\x00", "t.csv line 2: holds a zero byte, so it is not a CSV file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readCSV(strings.NewReader(c.text), "t.csv")
			if err == nil || err.Error() != c.want {
				t.Errorf("error %q, want %q", err, c.want)
			}
		})
	}
}

// A table that was read can be written and read again to the same rows.
func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("file,label,split,site\na.wav,robin,train,north\n\"b\"\"c.wav\",\"x,y\",val,\n"))
	f.Add([]byte("\xef\xbb\xbffile;label\r\na;b\r\n"))
	f.Add([]byte("file,label\n\"a\nb\",c\n"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, text []byte) {
		first, err := readCSV(bytes.NewReader(text), "t.csv")
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without text")
			}
			return
		}
		second, err := readCSV(bytes.NewReader(writeTable(t, first)), "t.csv")
		if err != nil {
			t.Fatalf("written again it is refused: %v", err)
		}
		lines := bytes.Count(text, []byte("\n")) + 1
		for i := range first.Rows {
			if l := first.Rows[i].Line; l < 2 || l > lines {
				t.Errorf("row %d is said to be in line %d of %d", i, l, lines)
			}
			first.Rows[i].Line, second.Rows[i].Line = 0, 0
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("the table changed (-first +second):\n%s", diff)
		}
	})
}

func writeTable(t *testing.T, tab *table) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	header := []string{"file", "label"}
	if tab.HasSplit {
		header = append(header, "split")
	}
	write := func(record []string) {
		if err := w.Write(record); err != nil {
			t.Fatal(err)
		}
	}
	write(append(header, tab.Groups...))
	for _, r := range tab.Rows {
		record := []string{r.File, r.Label}
		if tab.HasSplit {
			record = append(record, r.Split)
		}
		write(append(record, r.Groups...))
	}
	w.Flush()
	return b.Bytes()
}
