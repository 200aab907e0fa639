// Package onnxpb holds the ONNX messages, generated from the standard's
// onnx-ml.proto (Apache-2.0) under a private file and package name: Go's protobuf
// registry panics when two linked packages register the same names. The wire
// format is the standard's.
package onnxpb

//go:generate protoc --go_out=. --go_opt=paths=source_relative aat_onnx_ml.proto
