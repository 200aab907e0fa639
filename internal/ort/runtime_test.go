//go:build cgo && linux

package ort

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// libraries lists the ONNX Runtime to test with: the one Locate finds when
// AAT_ONNX_TEST_ORT=1 (then it must be there), else none.
func libraries(t *testing.T) []string {
	t.Helper()
	if os.Getenv("AAT_ONNX_TEST_ORT") != "1" {
		return nil
	}
	lib, err := Locate(context.Background(), "")
	if err != nil {
		t.Fatalf("AAT_ONNX_TEST_ORT=1, but: %v", err)
	}
	return []string{lib}
}

func open(t *testing.T, lib string) *Runtime {
	t.Helper()
	rt, err := Open(lib)
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

func session(t *testing.T, rt *Runtime, model []byte, o SessionOptions) *Session {
	t.Helper()
	s, err := rt.NewSession(model, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestRun(t *testing.T) {
	cases := []struct {
		name  string
		model []byte
		in    Tensor
		want  Tensor
	}{
		{"float", double(), Tensor{Shape: []int64{2, 2}, F32: []float32{1, -2, 0.5, 4}}, Tensor{Shape: []int64{2, 2}, F32: []float32{2, -4, 1, 8}}},
		{"other batch", double(), Tensor{Shape: []int64{1, 2}, F32: []float32{3, 4}}, Tensor{Shape: []int64{1, 2}, F32: []float32{6, 8}}},
		{"empty batch", double(), Tensor{Shape: []int64{0, 2}, F32: []float32{}}, Tensor{Shape: []int64{0, 2}, F32: []float32{}}},
		{"int64", identity(protoInt64, 2), Tensor{Shape: []int64{2}, I64: []int64{1 << 40, -7}}, Tensor{Shape: []int64{2}, I64: []int64{1 << 40, -7}}},
		{"int32", identity(protoInt32, 2), Tensor{Shape: []int64{2}, I32: []int32{5, -6}}, Tensor{Shape: []int64{2}, I32: []int32{5, -6}}},
		{"bool", identity(protoBool, 3), Tensor{Shape: []int64{3}, Bool: []bool{true, false, true}}, Tensor{Shape: []int64{3}, Bool: []bool{true, false, true}}},
		{"float scalar", identity(protoFloat), Tensor{F32: []float32{2.5}}, Tensor{F32: []float32{2.5}}},
		{"int64 scalar", identity(protoInt64), Tensor{I64: []int64{9}}, Tensor{I64: []int64{9}}},
		{"int32 scalar", identity(protoInt32), Tensor{I32: []int32{9}}, Tensor{I32: []int32{9}}},
		{"bool scalar", identity(protoBool), Tensor{Bool: []bool{true}}, Tensor{Bool: []bool{true}}},
		{"shape from data", nonZero(), Tensor{Shape: []int64{4}, F32: []float32{0, 3, 0, 1}}, Tensor{Shape: []int64{1, 2}, I64: []int64{1, 3}}},
	}
	for _, lib := range libraries(t) {
		rt := open(t, lib)
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				for _, level := range []OptLevel{OptAll, OptNone} {
					s := session(t, rt, c.model, SessionOptions{OptLevel: level, Threads: 1})
					got, err := s.Run(map[string]Tensor{"x": c.in})
					if err != nil {
						t.Fatal(err)
					}
					if !reflect.DeepEqual(got["y"], c.want) {
						t.Errorf("level %d: got %+v, want %+v", level, got["y"], c.want)
					}
				}
			})
		}
	}
}

func TestSessionDescribesTheModel(t *testing.T) {
	for _, lib := range libraries(t) {
		rt := open(t, lib)
		file := filepath.Join(t.TempDir(), "ünï ço dé.onnx")
		if err := os.WriteFile(file, double(), 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := rt.NewSessionFile(file, SessionOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if want := []Port{{"x", Float32, []int64{-1, 2}}}; !reflect.DeepEqual(s.Inputs(), want) {
			t.Errorf("inputs are %v, want %v", s.Inputs(), want)
		}
		if want := []Port{{"y", Float32, []int64{-1, 2}}}; !reflect.DeepEqual(s.Outputs(), want) {
			t.Errorf("outputs are %v, want %v", s.Outputs(), want)
		}
		got, err := s.Metadata()
		want := Metadata{Producer: "internal/ort test", Graph: "tiny", Version: 3, Custom: map[string]string{"aat.version": "1"}}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("metadata is %+v, %v; want %+v", got, err, want)
		}
	}
}

// TestRawTypes: what has no slice of its own goes in and comes out as bytes.
func TestRawTypes(t *testing.T) {
	for _, lib := range libraries(t) {
		rt := open(t, lib)
		for elem, kind := range map[uint64]DType{protoDouble: Float64, protoFloat16: Float16, protoBFloat16: BFloat16,
			protoInt8: Int8, protoUint8: Uint8, protoInt16: Int16, protoUint16: Uint16, protoUint32: Uint32, protoUint64: Uint64} {
			s := session(t, rt, identity(elem, 2), SessionOptions{})
			x := Tensor{Shape: []int64{2}, Type: kind, Raw: make([]byte, 2*kind.size())}
			for i := range x.Raw {
				x.Raw[i] = byte(i + 1)
			}
			got, err := s.Run(map[string]Tensor{"x": x})
			if err != nil || !reflect.DeepEqual(got["y"], x) {
				t.Fatalf("%s: got %v, %v; want %v", kind, got["y"], err, x)
			}
			x.Raw = x.Raw[1:]
			if kind.size() > 1 {
				if _, err := s.Run(map[string]Tensor{"x": x}); err == nil || !strings.Contains(err.Error(), "multiple of the size") {
					t.Errorf("%s: error for odd bytes is %v", kind, err)
				}
			}
		}
	}
}

func TestModelErrorsNameTheFile(t *testing.T) {
	cases := []struct {
		name  string
		model []byte
		o     SessionOptions
		want  string
	}{
		{"no bytes", nil, SessionOptions{}, "no bytes"},
		{"not a model", []byte("hello, this is no model"), SessionOptions{}, "model in memory"},
		{"truncated", double()[:len(double())/2], SessionOptions{}, "model in memory"},
		{"strings", identity(protoString, 2), SessionOptions{}, "only tensors of numbers and booleans"},
		{"level", double(), SessionOptions{OptLevel: 99}, "level 99 does not exist"},
	}
	for _, lib := range libraries(t) {
		rt := open(t, lib)
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				s, err := rt.NewSession(c.model, c.o)
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, %v; want an error with %q", s, err, c.want)
				}
			})
		}
		if _, err := rt.NewSessionFile("gone.onnx", SessionOptions{}); err == nil || !strings.Contains(err.Error(), "gone.onnx") {
			t.Errorf("error is %v, want one that names gone.onnx", err)
		}
		s := session(t, rt, double(), SessionOptions{})
		if _, err := s.Run(map[string]Tensor{"x": {Shape: []int64{1, 3}, F32: make([]float32, 3)}}); err == nil {
			t.Error("a [1, 3] input ran in a model of [n, 2]")
		}
	}
}

func TestOpenIsOncePerProcess(t *testing.T) {
	for _, lib := range libraries(t) {
		rt := open(t, lib)
		if again := open(t, lib); again != rt {
			t.Error("the same file gave a second runtime")
		}
		link := filepath.Join(t.TempDir(), "link.so")
		if err := os.Symlink(rt.Path(), link); err != nil {
			t.Fatal(err)
		}
		if again := open(t, link); again != rt {
			t.Error("a link to the same file gave a second runtime")
		}
		other := filepath.Join(t.TempDir(), "other.so")
		if err := os.WriteFile(other, []byte("other"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(other); err == nil || !strings.Contains(err.Error(), "already uses "+rt.Path()) {
			t.Errorf("error is %v, want one that names the library in use", err)
		}
	}
}

// TestBrokenLibraries runs in every configuration: none of these is loaded.
func TestBrokenLibraries(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	good := compileFake(t, "void *OrtGetApiBase(void) { return 0; }")
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	foreign := append([]byte{}, whole...)
	foreign[18], foreign[19] = 0xf3, 0 // e_machine: RISC-V
	file := func(b []byte) string { return write(t, filepath.Join(t.TempDir(), "lib.so"), string(b), 0o644) }
	for _, c := range []struct{ name, lib, want string }{
		{"text", file([]byte("not a library")), "not a shared library"},
		{"empty", file(nil), "not a shared library"},
		{"truncated", file(whole[:len(whole)/2]), "damaged"},
		{"truncated by a byte", file(whole[:len(whole)-1]), "damaged"},
		{"header only", file(whole[:64]), "damaged"},
		{"foreign", file(foreign), "made for EM_RISCV"},
		{"another library", compileFake(t, "int other(void) { return 1; }"), "no symbol OrtGetApiBase"},
		{"program", self, "not"},
		{"folder", t.TempDir(), "not a shared library"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := checkLibrary(c.lib); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
		})
	}
	if err := checkLibrary(good); err != nil {
		t.Errorf("a library with the symbol was refused: %v", err)
	}
	var missing *NotFoundError
	if _, err := Open(filepath.Join(t.TempDir(), "gone.so")); !errors.As(err, &missing) {
		t.Errorf("error is %v, want a NotFoundError", err)
	}
	_, err = Open(file(whole[:len(whole)/2]))
	if opened := len(libraries(t)) > 0; err == nil || !opened && !errors.As(err, &missing) {
		t.Errorf("error is %v, want a NotFoundError (or, once a library is open, any)", err)
	}
}

// compileFake builds a shared library with the C compiler that cgo needs anyway.
func compileFake(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	c := write(t, filepath.Join(dir, "fake.c"), source, 0o644)
	lib := filepath.Join(dir, "fake.so")
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	if out, err := exec.Command(cc, "-shared", "-fPIC", "-o", lib, c).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cc, err, out)
	}
	return lib
}
