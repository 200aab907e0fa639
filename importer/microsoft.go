package importer

// microsoft makes the key of an operator of ONNX Runtime's own domain.
func microsoft(op string, since int64) opKey {
	return opKey{Domain: "com.microsoft", Op: op, Since: since}
}
