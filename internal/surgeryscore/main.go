// Command surgeryscore prints one report on graph surgery: how many Transformer
// blocks of the corpus are detected with every role right, per family and
// variant; false blocks on networks without any; whether files survive a round
// trip byte for byte, are accepted by Verify, and how complete type inference is.
//
//	go run ./internal/surgeryscore -corpus corpus -nodes .cache/onnx-1.22.0 -o docs/surgery-scores.md
//
// The corpus is built by testdata/gen/corpus (make corpus); a small part of it
// lies in testdata/corpus.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "surgeryscore:", err)
		os.Exit(1)
	}
}

type options struct {
	corpus, nodes, out, json, bin, only string
	verbose                             bool
}

func run(args []string, stdout io.Writer) error {
	var o options
	fs := flag.NewFlagSet("surgeryscore", flag.ContinueOnError)
	fs.StringVar(&o.corpus, "corpus", "corpus", "folder of the corpus")
	fs.StringVar(&o.nodes, "nodes", "", "folder of onnx's backend tests (.../backend/test/data)")
	fs.StringVar(&o.bin, "bin", "", "detect with this program's inspect --json instead of the library")
	fs.StringVar(&o.only, "only", "", "only models whose family/variant contains this")
	fs.StringVar(&o.out, "o", "", "also write the report to this Markdown file")
	fs.StringVar(&o.json, "json", "", "also write the figures to this JSON file")
	fs.BoolVar(&o.verbose, "v", false, "list right blocks with wrong details too")
	if err := fs.Parse(args); err != nil {
		return err
	}
	s, err := score(o)
	if err != nil {
		return err
	}
	text := s.markdown(o.verbose)
	fmt.Fprint(stdout, text)
	if o.out != "" {
		if err := os.WriteFile(o.out, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if o.json == "" {
		return nil
	}
	data, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(data, '\n'), 0o644)
}

// scores is all that the report is made of.
type scores struct {
	Detection []detection `json:"detection"`
	Corpus    []surgery   `json:"corpus"`
	Nodes     []surgery   `json:"nodes"`
	Failed    []string    `json:"failed"` // exports that could not be written

	entries []entry
}

func score(o options) (*scores, error) {
	entries, err := readCorpus(o.corpus)
	if err != nil {
		return nil, err
	}
	detect := library
	if o.bin != "" {
		detect = program(o.bin)
	}
	s := &scores{Failed: readFailed(o.corpus)}
	for _, e := range entries {
		if !strings.Contains(e.name(), o.only) {
			continue
		}
		s.entries = append(s.entries, e)
		f, err := detect(e.path)
		d := scoreDetection(e, f)
		if err != nil {
			d.Misses = []string{err.Error()}
		}
		s.Detection = append(s.Detection, d)
		s.Corpus = append(s.Corpus, scoreSurgery(e.name(), e.path, e.truth.Checker))
	}
	if o.nodes == "" {
		return s, nil
	}
	s.Nodes, err = scoreNodes(o.nodes)
	return s, err
}

// scoreNodes takes every model of onnx's backend tests.
func scoreNodes(root string) ([]surgery, error) {
	files, err := filepath.Glob(filepath.Join(root, "*", "test_*", "model.onnx"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no */test_*/model.onnx below %s", root)
	}
	slices.Sort(files)
	var out []surgery
	for _, f := range files {
		dir := filepath.Dir(f)
		out = append(out, scoreSurgery(filepath.Base(filepath.Dir(dir))+"/"+filepath.Base(dir), f, ""))
	}
	return out, nil
}
