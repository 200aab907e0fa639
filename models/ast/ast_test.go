package ast_test

import (
	"errors"
	"fmt"
	"log"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/models/ast"
)

func load(t *testing.T, path string) *graphsurgery.Model {
	t.Helper()
	m, err := graphsurgery.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRecognise(t *testing.T) {
	f, err := ast.Recognise(load(t, "../../testdata/small/mlp.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (ast.Family{Input: "input_values", Frames: 128, Mels: 128}); f != want {
		t.Errorf("got %+v, want %+v", f, want)
	}
	tests := []struct {
		frames, mels int
		ok           bool
	}{{128, 128, true}, {1024, 128, false}, {128, 64, false}}
	for _, test := range tests {
		err := f.Accepts(test.frames, test.mels)
		if (err == nil) != test.ok {
			t.Errorf("%d × %d: error %v, want accepted %v", test.frames, test.mels, err, test.ok)
		}
		var u *graphsurgery.UnsupportedError
		if !test.ok && !errors.As(err, &u) {
			t.Errorf("%d × %d: error %T, want UnsupportedError", test.frames, test.mels, err)
		}
	}
	if err := (ast.Family{Mels: 128}).Accepts(77, 128); err != nil {
		t.Errorf("any number of frames: %v", err)
	}
}

func TestRecogniseRefusesWaveform(t *testing.T) {
	_, err := ast.Recognise(load(t, "../../testdata/small/waveform.onnx"))
	var u *graphsurgery.UnsupportedError
	if !errors.As(err, &u) || !strings.Contains(err.Error(), `"input_values" float32[batch, 1600]`) {
		t.Errorf("error %v, want UnsupportedError that says what the input is", err)
	}
}

func ExampleRecognise() {
	m, err := graphsurgery.Load("../../testdata/small/mlp.onnx")
	if err != nil {
		log.Fatal(err)
	}
	family, err := ast.Recognise(m)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(family.Name(), family.Frames, "frames of", family.Mels, "mel bins")
	fmt.Println(family.Accepts(1024, 128))
	// Output:
	// ast 128 frames of 128 mel bins
	// the front end gives 1024 frames of 128 mel bins, input "input_values" takes 128 of 128
}
