package onnxpb_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// TestPrivateNames: a second package that registers onnx-ml.proto or onnx.* in
// the same program would panic at start-up, so ours must use neither.
func TestPrivateNames(t *testing.T) {
	file := pb.File_aat_onnx_ml_proto
	if file.Path() != "aat_onnx_ml.proto" || file.Package() != "aat.onnx.v1" {
		t.Errorf("registered as file %q, package %q", file.Path(), file.Package())
	}
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(f.Path(), "onnx") || f.Package() == "onnx" {
			t.Errorf("the standard's own name is taken by file %q, package %q", f.Path(), f.Package())
		}
		return true
	})
}

func TestLicenceNoticeIsKept(t *testing.T) {
	for _, name := range []string{"aat_onnx_ml.proto", "aat_onnx_ml.pb.go"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(data, []byte("SPDX-License-Identifier: Apache-2.0")) {
			t.Errorf("%s lost the standard's licence notice", name)
		}
	}
}

// TestWireFormat decodes bytes written by hand from the field numbers of the ONNX
// standard: ir_version is 1, graph is 7, a graph's name is 2.
func TestWireFormat(t *testing.T) {
	data := []byte{0x08, 10, 0x3a, 3, 0x12, 1, 'g'}
	var m pb.ModelProto
	if err := proto.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if m.GetIrVersion() != 10 || m.GetGraph().GetName() != "g" {
		t.Errorf("got IR %d, graph %q; want 10, g", m.GetIrVersion(), m.GetGraph().GetName())
	}
	if again, err := proto.Marshal(&m); err != nil || !bytes.Equal(again, data) {
		t.Errorf("written anew: % x (%v), want % x", again, err, data)
	}
}
