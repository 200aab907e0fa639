package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/importer/onnxgo/internal/score"
)

func TestWrite(t *testing.T) {
	results := func(failing ...string) []score.Result {
		all := []score.Result{{Op: "Add", Title: "TestAdd"}, {Op: "Add", Title: "TestAddBcast"}, {Op: "Scan", Title: "TestScan"}}
		for i := range all {
			if strings.Contains(strings.Join(failing, " ")+" ", all[i].Title+" ") {
				all[i].Err = errors.New("of another shape")
			}
		}
		return all
	}
	var got bytes.Buffer
	write(&got, []side{{"ours", results("TestScan")}, {"pure", results("TestScan", "TestAdd")}, {"theirs", results("TestAdd", "TestAddBcast", "TestScan")}},
		map[string]string{"TestScan": "onnx-go cannot decode it"})
	for _, want := range []string{
		"| ours | 3 | 2 | 66.7 % |\n| pure | 3 | 1 | 33.3 % |\n| theirs | 3 | 0 | 0.0 % |\n",
		"| operator | cases | ours | pure | theirs |\n|---|---|---|---|---|\n| Add | 2 | all | 1 | – |\n| Scan | 1 | – | – | – |\n",
		"| TestScan | ours | onnx-go cannot decode it |\n| TestAdd | pure | not known: of another shape |\n| TestScan | pure | onnx-go cannot decode it |\n",
	} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("got\n%s\nwant in it\n%s", &got, want)
		}
	}
	if strings.HasSuffix(got.String(), "| theirs | not known: of another shape |\n") {
		t.Error("the failures of the last side are listed")
	}
}
