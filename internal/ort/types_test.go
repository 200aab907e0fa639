package ort

import (
	"fmt"
	"strings"
	"testing"
)

func ExampleTensor() {
	t := Tensor{Shape: []int64{2, 3}, F32: make([]float32, 6)}
	n, err := t.Elements()
	fmt.Println(n, err)
	// Output: 6 <nil>
}

func TestTensorCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		t    Tensor
		want DType
		fail string
	}{
		{"matrix", Tensor{Shape: []int64{1, 2}, F32: []float32{1, 2}}, Float32, ""},
		{"scalar", Tensor{I64: []int64{7}}, Int64, ""},
		{"no elements", Tensor{Shape: []int64{0, 4}, I32: []int32{}}, Int32, ""},
		{"bool", Tensor{Shape: []int64{1}, Bool: []bool{true}}, Bool, ""},
		{"nothing set", Tensor{Shape: []int64{0}}, "", "0 data slices"},
		{"two set", Tensor{Shape: []int64{1}, F32: []float32{1}, I64: []int64{1}}, "", "2 data slices"},
		{"too short", Tensor{Shape: []int64{3}, F32: []float32{1}}, "", "1 elements of float, but shape [3] holds 3"},
		{"too long", Tensor{Shape: []int64{1}, F32: []float32{1, 2}}, "", "2 elements"},
		{"negative", Tensor{Shape: []int64{-1}, F32: []float32{1}}, "", "negative dimension"},
		{"overflow", Tensor{Shape: []int64{1 << 31, 1 << 31, 4}, F32: []float32{1}}, "", "too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.t.check()
			if c.fail == "" && (err != nil || got != c.want) {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
			if c.fail != "" && (err == nil || !strings.Contains(err.Error(), c.fail)) {
				t.Errorf("error is %v, want one with %q", err, c.fail)
			}
		})
	}
}

// echo returns its inputs: a session without a library.
type echo struct{ closed *int }

func (e echo) run(in []Tensor, _ *Adapter) ([]Tensor, error) { return in, nil }
func (e echo) metadata() (Metadata, error)                   { return Metadata{Graph: "echo"}, nil }
func (e echo) close() error                                  { *e.closed++; return nil }

func TestSessionChecksItsInputs(t *testing.T) {
	closed := 0
	s := &Session{
		file:    "echo.onnx",
		inputs:  []Port{{Name: "a", DType: Float32}, {Name: "b", DType: Int64}},
		outputs: []Port{{Name: "a2"}, {Name: "b2"}},
		engine:  echo{&closed},
	}
	a, b := Tensor{F32: []float32{1}}, Tensor{I64: []int64{2}}
	for _, c := range []struct {
		name string
		in   map[string]Tensor
		fail string
	}{
		{"missing", map[string]Tensor{"a": a}, `input "b" is not given`},
		{"type", map[string]Tensor{"a": a, "b": a}, `input "b" is float, want int64`},
		{"extra", map[string]Tensor{"a": a, "b": b, "c": a}, "3 inputs given, the model has 2"},
		{"data", map[string]Tensor{"a": {}, "b": b}, `input "a": 0 data slices`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := s.Run(c.in)
			if err == nil || !strings.Contains(err.Error(), c.fail) || !strings.Contains(err.Error(), "echo.onnx") {
				t.Errorf("error is %v, want one with %q and the file name", err, c.fail)
			}
		})
	}
	out, err := s.Run(map[string]Tensor{"b": b, "a": a})
	if err != nil || out["a2"].F32[0] != 1 || out["b2"].I64[0] != 2 {
		t.Errorf("got %v, %v; want each output from its own input", out, err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if closed != 1 {
		t.Errorf("the engine was closed %d times, want once", closed)
	}
	if _, err := s.Run(map[string]Tensor{"a": a, "b": b}); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("a closed session ran: %v", err)
	}
}
