package pjrt_test

import (
	"context"
	"fmt"

	"github.com/aat-onnx/aat-onnx/internal/pjrt"
)

func ExampleOpen() {
	backend, info, err := pjrt.Open(context.Background(), "go", pjrt.OpenOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer backend.Finalize()
	fmt.Println(info.Name, info.Devices)
	// Output: go 1
}

func ExampleTitle() {
	fmt.Println("fetching " + pjrt.Title("cpu"))
	// Output: fetching the XLA CPU plugin
}

func ExampleInstall() {
	_, err := pjrt.Install(context.Background(), "tpu", pjrt.InstallOptions{})
	fmt.Println(err)
	// Output: unknown backend "tpu": choose cpu or onnxruntime to install
}
