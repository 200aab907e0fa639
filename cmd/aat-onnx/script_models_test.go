package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/npy"
)

// model FILE.onnx FILE.txt writes the model of a text in ONNX's syntax.
func model(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: model FILE.onnx FILE.txt")
	}
	m, err := graphsurgery.ParseText(ts.ReadFile(args[1]))
	ts.Check(err)
	ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(args[0])), 0o755))
	ts.Check(m.Save(ts.MkAbs(args[0])))
}

// array FILE TYPE SHAPE VALUE… writes numbers for numpy, or for onnx's backend
// tests where FILE ends in .pb. TYPE is f4, i8 or the like, SHAPE is 2x3.
func array(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: array FILE TYPE SHAPE VALUE…")
	}
	a := npy.Array{Type: args[1]}
	for _, d := range strings.Split(args[2], "x") {
		n, err := strconv.Atoi(d)
		ts.Check(err)
		a.Shape = append(a.Shape, n)
	}
	for _, v := range args[3:] {
		x, err := strconv.ParseFloat(v, 64)
		ts.Check(err)
		a.Data = append(a.Data, element(ts, a.Type, x)...)
	}
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	if filepath.Ext(path) == ".pb" {
		ts.Check(os.WriteFile(path, tensorProto(a), 0o644))
		return
	}
	ts.Check(os.WriteFile(path, arrayFile(a), 0o644))
}

// element is one number in its type's bytes.
func element(ts *testscript.TestScript, kind string, x float64) []byte {
	values := map[string]any{"f4": float32(x), "f8": x, "i8": int64(x), "i4": int32(x), "u1": uint8(x)}
	b, err := binary.Append(nil, binary.LittleEndian, values[kind])
	ts.Check(err)
	return b
}

// arrayFile is an array as a .npy file.
func arrayFile(a npy.Array) []byte {
	shape := ""
	for _, d := range a.Shape {
		shape += strconv.Itoa(d) + ", "
	}
	head := fmt.Sprintf("{'descr': '<%s', 'fortran_order': False, 'shape': (%s), }\n", a.Type, shape)
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(head)), byte(len(head)>>8))
	return append(append(b, head...), a.Data...)
}

// tensorProto is an array as a serialised TensorProto: dims, data_type, raw_data.
func tensorProto(a npy.Array) []byte {
	var b []byte
	for _, d := range a.Shape {
		b = binary.AppendUvarint(append(b, 1<<3), uint64(d))
	}
	kinds := map[string]graphsurgery.DType{"f4": graphsurgery.Float, "f8": graphsurgery.Double,
		"i8": graphsurgery.Int64, "i4": graphsurgery.Int32, "u1": graphsurgery.Uint8}
	b = binary.AppendUvarint(append(b, 2<<3), uint64(kinds[a.Type]))
	b = binary.AppendUvarint(append(b, 9<<3|2), uint64(len(a.Data)))
	return append(b, a.Data...)
}

// holds FILE.npz NAME TYPE SHAPE VALUE… demands an array of an archive.
func holds(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 4 {
		ts.Fatalf("usage: holds FILE.npz NAME TYPE SHAPE VALUE…")
	}
	arrays, err := npy.ReadArchive(ts.MkAbs(args[0]), 1<<20)
	ts.Check(err)
	a, ok := arrays[args[1]]
	if !ok {
		ts.Fatalf("%s holds no %s", args[0], args[1])
	}
	var shape []string
	for _, d := range a.Shape {
		shape = append(shape, strconv.Itoa(d))
	}
	var want []byte
	for _, v := range args[4:] {
		x, err := strconv.ParseFloat(v, 64)
		ts.Check(err)
		want = append(want, element(ts, args[2], x)...)
	}
	if got := strings.Join(shape, "x"); a.Type != args[2] || got != args[3] || string(a.Data) != string(want) {
		ts.Fatalf("%s is %s %s % x, want %s %s % x", args[1], a.Type, got, a.Data, args[2], args[3], want)
	}
}
