package testutil

import "encoding/binary"

// SeedModel is a minimal ONNX file, x [batch, dims…] → op → y in float32, written
// field by field: something for a test to patch a graph into.
func SeedModel(opset int, op, domain string, dims ...int) []byte {
	type b = []byte
	num := func(field, x uint64) b { return binary.AppendUvarint(binary.AppendUvarint(nil, field<<3), x) }
	text := func(field uint64, parts ...b) b {
		var body b
		for _, p := range parts {
			body = append(body, p...)
		}
		head := binary.AppendUvarint(binary.AppendUvarint(nil, field<<3|2), uint64(len(body)))
		return append(head, body...)
	}
	dim := func(n int) b { return text(1, num(1, uint64(n))) }
	port := func(field uint64, name string) b {
		shape := text(1, text(2, b("batch")))
		for _, d := range dims {
			shape = append(shape, dim(d)...)
		}
		return text(field, text(1, b(name)), text(2, text(1, num(1, 1), text(2, shape))))
	}
	ir := uint64(8)
	if opset >= 21 {
		ir = 11
	}
	graph := text(7,
		text(1, text(1, b("x")), text(2, b("y")), text(4, b(op)), text(7, b(domain))),
		text(2, b("g")), port(11, "x"), port(12, "y"))
	file := append(append(num(1, ir), graph...), text(8, num(2, uint64(opset)))...)
	if domain != "" {
		file = append(file, text(8, text(1, b(domain)), num(2, 1))...)
	}
	return file
}
