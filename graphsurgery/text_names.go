package graphsurgery

import (
	"strconv"
	"strings"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// textTypes are the element types' names in the ONNX text syntax, by number. The
// last two have no name in onnx 1.22's own table.
var textTypes = [...]string{"undefined", "float", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "double", "uint32", "uint64", "complex64", "complex128", "bfloat16",
	"float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1", "float8e8m0", "uint2", "int2", "float6e2m3", "float6e3m2"}

// textType names an element type; one that ONNX does not number is dtypeN.
func textType(d int32) string {
	if d >= 0 && int(d) < len(textTypes) {
		return textTypes[d]
	}
	return "dtype" + strconv.Itoa(int(d))
}

// parseTextType is the inverse of textType.
func parseTextType(name string) (int32, bool) {
	for d, s := range textTypes {
		if s == name {
			return int32(d), true
		}
	}
	if digits, ok := strings.CutPrefix(name, "dtype"); ok {
		d, err := strconv.ParseInt(digits, 10, 32)
		if err == nil && textType(int32(d)) == name {
			return int32(d), true
		}
	}
	return 0, false
}

// textKinds are the attribute types' names, by number.
var textKinds = [...]string{"", "float", "int", "string", "tensor", "graph", "floats", "ints", "strings", "tensors", "graphs", "sparse_tensor", "sparse_tensors", "type_proto", "type_protos"}

func parseTextKind(name string) (pb.AttributeProto_AttributeType, bool) {
	for k, s := range textKinds[1:] {
		if s == name {
			return pb.AttributeProto_AttributeType(k + 1), true
		}
	}
	return 0, false
}

// isTypeWord reports whether an identifier begins a type wherever one may stand.
func isTypeWord(s string) bool {
	switch s {
	case "seq", "map", "optional", "sparse_tensor":
		return true
	}
	d, ok := parseTextType(s)
	return ok && d > 0 && d <= int32(DType(26))
}

// isExtraTypeWord reports whether an identifier begins a type that only we write;
// it does so only in front of what can follow it there.
func isExtraTypeWord(s string) bool {
	_, ok := parseTextType(s)
	return s == "opaque" || ok && !isTypeWord(s)
}

// isIdent reports whether s can be written without quotes.
func isIdent(s string) bool {
	if s == "" || !isLetter(s[0]) {
		return false
	}
	for i := range len(s) {
		if !isWord(s[i]) {
			return false
		}
	}
	return true
}

// quoteText writes a string; only \ and " need escaping, everything else stands for
// itself, line ends included.
func quoteText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// textID writes a name: bare if it is an identifier that cannot be taken for a
// type, else quoted.
func textID(s string) string {
	if isIdent(s) && !isTypeWord(s) && !isExtraTypeWord(s) {
		return s
	}
	return quoteText(s)
}

// textDomain writes a domain in front of an operator, with its dot.
func textDomain(domain string) string {
	if domain == "" {
		return ""
	}
	for part := range strings.SplitSeq(domain, ".") {
		if !isIdent(part) {
			return quoteText(domain) + "."
		}
	}
	return domain + "."
}
