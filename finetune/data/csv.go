package data

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxTable bounds a CSV file: about ten million rows.
const maxTable = 1 << 30

// row is one line of a table.
type row struct {
	Line   int // of the first byte of the record, from 1
	File   string
	Label  string
	Split  string // as written; empty where the table has no split column
	Groups []string
}

// table is a CSV file as read: paths and split names are not checked yet.
type table struct {
	Rows     []row
	HasSplit bool
	Groups   []string // names of the further columns, in file order
}

// readCSV reads a table. Accepted are UTF-8 with or without a byte order mark,
// CR LF, quotes, and comma, semicolon or tab between columns. Each error names
// the line; name is the file's name for messages.
func readCSV(r io.Reader, name string) (*table, error) {
	text, err := decodeText(r, name)
	if err != nil {
		return nil, err
	}
	c := csv.NewReader(bytes.NewReader(text))
	c.Comma = separator(text)
	header, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil, &DataError{What: name + " is empty", Hint: "its first line must name the columns: file,label,split"}
	}
	if err != nil {
		return nil, csvError(name, err)
	}
	cols, err := parseHeader(header, name)
	if err != nil {
		return nil, err
	}
	t := &table{HasSplit: cols.split >= 0, Groups: cols.names}
	for {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, csvError(name, err)
		}
		line, _ := c.FieldPos(0)
		one, err := cols.row(record, line, name)
		if err != nil {
			return nil, err
		}
		t.Rows = append(t.Rows, one)
	}
	if len(t.Rows) == 0 {
		return nil, &DataError{What: name + " has a header but no rows"}
	}
	return t, nil
}

// decodeText reads everything, drops a UTF-8 byte order mark and refuses what is
// not UTF-8, by line.
func decodeText(r io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(bufio.NewReader(r), maxTable+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(text) > maxTable {
		return nil, &DataError{What: fmt.Sprintf("%s is larger than %d bytes", name, maxTable)}
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return nil, &DataError{What: name + " line 1: the text is UTF-16, want UTF-8", Hint: "save the table as 'CSV UTF-8'"}
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return nil, &DataError{What: fmt.Sprintf("%s line %d: holds a zero byte, so it is not a CSV file", name, lineOf(text, i))}
	}
	if i := firstInvalid(text); i >= 0 {
		return nil, &DataError{What: fmt.Sprintf("%s line %d: the text is not UTF-8", name, lineOf(text, i)), Hint: "save the table as 'CSV UTF-8'"}
	}
	return text, nil
}

// firstInvalid gives the offset of the first byte that is not UTF-8, or -1.
func firstInvalid(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

func lineOf(text []byte, offset int) int { return 1 + bytes.Count(text[:offset], []byte("\n")) }

// separator is the first of comma, semicolon and tab that makes the header name
// the columns; spreadsheets write the latter two in some countries.
func separator(text []byte) rune {
	for _, comma := range []rune{',', ';', '\t'} {
		c := csv.NewReader(bytes.NewReader(text))
		c.Comma = comma
		header, err := c.Read()
		if err != nil {
			continue
		}
		if cols, err := parseHeader(header, ""); err == nil && cols.file >= 0 {
			return comma
		}
	}
	return ','
}

// columns says where in a record the known columns are.
type columns struct {
	file, label, split int // -1: absent
	groups             []int
	names              []string // of groups
}

func parseHeader(header []string, name string) (columns, error) {
	c := columns{file: -1, label: -1, split: -1}
	seen := map[string]bool{}
	for i, title := range header {
		key := strings.ToLower(strings.TrimSpace(title))
		if seen[key] {
			return c, &DataError{What: fmt.Sprintf("%s line 1: column %q stands twice", name, key)}
		}
		seen[key] = true
		switch key {
		case "file":
			c.file = i
		case "label":
			c.label = i
		case "split":
			c.split = i
		case "":
			return c, &DataError{What: fmt.Sprintf("%s line 1: column %d has no name", name, i+1)}
		default:
			c.groups = append(c.groups, i)
			c.names = append(c.names, key)
		}
	}
	for _, want := range []struct {
		name string
		at   int
	}{{"file", c.file}, {"label", c.label}} {
		if want.at < 0 {
			return c, &DataError{
				What: fmt.Sprintf("%s line 1: no column %q: got %q", name, want.name, header),
				Hint: "the first line must name the columns: file,label,split",
			}
		}
	}
	return c, nil
}

func (c columns) row(record []string, line int, name string) (row, error) {
	r := row{Line: line, File: strings.TrimSpace(record[c.file]), Label: strings.TrimSpace(record[c.label])}
	if c.split >= 0 {
		r.Split = strings.TrimSpace(record[c.split])
	}
	for _, i := range c.groups {
		r.Groups = append(r.Groups, strings.TrimSpace(record[i]))
	}
	switch {
	case r.File == "":
		return r, &DataError{What: fmt.Sprintf("%s line %d: the file column is empty", name, line)}
	case r.Label == "":
		return r, &DataError{What: fmt.Sprintf("%s line %d: the label column is empty", name, line)}
	case c.split >= 0 && r.Split == "":
		return r, &DataError{What: fmt.Sprintf("%s line %d: the split column is empty, want train, val or test", name, line)}
	}
	return r, nil
}

// csvError turns an error of encoding/csv into one that starts with the line.
func csvError(name string, err error) error {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	what := p.Err.Error()
	switch {
	case errors.Is(p.Err, csv.ErrFieldCount):
		what = "the number of columns differs from the header's"
	case errors.Is(p.Err, csv.ErrQuote), errors.Is(p.Err, csv.ErrBareQuote):
		what = "a quote is not closed or stands inside an unquoted value"
	}
	return &DataError{What: fmt.Sprintf("%s line %d: %s", name, p.Line, what)}
}
