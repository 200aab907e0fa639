package pjrt

import (
	"path"
	"runtime"
	"strings"
)

// kind selects how a library is probed.
type kind string

const (
	kindPJRT kind = "pjrt" // compile and run a small program
	kindORT  kind = "ort"  // load and ask for its version
)

// artefact is one library that may be installed: where it comes from, and the
// digests that make it the one we tested.
type artefact struct {
	name, title string
	kind        kind
	os, arch    string // as in GOOS, GOARCH
	pkg         string // package name that pip is asked for
	version     string
	tags        []string // pip's selection of exactly this wheel, whatever Python runs it
	wheel       string   // file name
	wheelSHA    string
	member      string // the library's name inside the wheel
	file        string // the library's name in the cache
	size        int64  // of the library, bytes
	sha         string // of the library
	wheelMB     int    // for the progress line only
}

// dir is the cache sub-folder of the artefact, slash separated.
// internal/ort looks for ONNX Runtime in the same place; a test compares them.
func (a artefact) dir() string {
	if a.kind == kindORT {
		return path.Join("ort", a.name+"-"+a.version)
	}
	return path.Join("pjrt", a.name+"-"+a.version)
}

const (
	cpuTitle = "the XLA CPU plugin"
	ortTitle = "ONNX Runtime"
)

// table lists what can be installed. Digests were taken from the wheels as pip
// delivered them. The plugin's file name must follow pjrt_c_api_<name>_plugin.so
// with "cpu" and without "amd" in it: go-xla derives behaviour from the name.
func table() []artefact {
	cpu := artefact{
		name: "cpu", title: cpuTitle, kind: kindPJRT, os: "linux",
		pkg: "xla-cpu-pjrt", version: "0.0.1",
		member: "xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so", file: "pjrt_c_api_cpu_plugin.so",
	}
	cpuX86, cpuARM := cpu, cpu
	cpuX86.arch = "amd64"
	cpuX86.tags = wheelTags("manylinux_2_27_x86_64", "py", "none", "")
	cpuX86.wheel = "xla_cpu_pjrt-0.0.1-py3-none-manylinux_2_27_x86_64.whl"
	cpuX86.wheelSHA = "55837b6b7b47daa717f2d9a5a03563ea0ceaa338d06a81a1e2d3f060d960decc"
	cpuX86.sha = "88c3f28c5900f48ad4a82cab9e79bba9537809743395e341485f8794268820dc"
	cpuX86.size, cpuX86.wheelMB = 259284552, 63
	cpuARM.arch = "arm64"
	cpuARM.tags = wheelTags("manylinux_2_27_aarch64", "py", "none", "")
	cpuARM.wheel = "xla_cpu_pjrt-0.0.1-py3-none-manylinux_2_27_aarch64.whl"
	cpuARM.wheelSHA = "8f613be6e891858f40d64f9799319502fff42689661944fc18a6ffd8210b30c9"
	cpuARM.sha = "fcf411f3e8ff635c2b2cf87215aa7016f460e66d236c3db08309e7486583532d"
	cpuARM.size, cpuARM.wheelMB = 200328224, 50

	// One wheel serves every Python: the library inside is the same in each.
	ort := artefact{
		name: "onnxruntime", title: ortTitle, kind: kindORT, os: "linux",
		pkg: "onnxruntime", version: "1.32.0",
		member: "onnxruntime/capi/libonnxruntime.so.1.32.0", file: "libonnxruntime.so.1.32.0",
	}
	ortX86, ortARM := ort, ort
	ortX86.arch = "amd64"
	ortX86.tags = wheelTags("manylinux_2_28_x86_64", "cp", "cp311", "3.11")
	ortX86.wheel = "onnxruntime-1.32.0-cp311-cp311-manylinux_2_28_x86_64.whl"
	ortX86.wheelSHA = "5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d"
	ortX86.sha = "6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f"
	ortX86.size, ortX86.wheelMB = 34824680, 28
	ortARM.arch = "arm64"
	ortARM.tags = wheelTags("manylinux_2_28_aarch64", "cp", "cp311", "3.11")
	ortARM.wheel = "onnxruntime-1.32.0-cp311-cp311-manylinux_2_28_aarch64.whl"
	ortARM.wheelSHA = "2303372a85299b6757b0e11e1cbf13e410ddf7e10c37f4b37e99d1c90e7daf7c"
	ortARM.sha = "49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a"
	ortARM.size, ortARM.wheelMB = 27165936, 25
	return []artefact{cpuX86, cpuARM, ortX86, ortARM}
}

func wheelTags(platform, implementation, abi, python string) []string {
	t := []string{"--platform", platform, "--implementation", implementation, "--abi", abi}
	if python != "" {
		t = append(t, "--python-version", python)
	}
	return t
}

// installable names what Install knows, for messages and listings.
func installable() []string { return []string{"cpu", "onnxruntime"} }

// lookup finds the artefact for this machine. ok is false when the name exists
// but not for this platform; an unknown name is a SpecError.
func lookup(name string) (a artefact, ok bool, err error) {
	known := false
	for _, a := range table() {
		if a.name != name {
			continue
		}
		known = true
		if a.os == runtime.GOOS && a.arch == runtime.GOARCH {
			return a, true, nil
		}
	}
	if !known {
		return artefact{}, false, &SpecError{Got: name, Want: strings.Join(installable(), " or ") + " to install"}
	}
	return artefact{}, false, nil
}

// Title is the name of an installable library in running text, for example
// "the XLA CPU plugin" for cpu. An unknown name is returned as it is.
func Title(name string) string {
	for _, a := range table() {
		if a.name == name {
			return a.title
		}
	}
	return name
}
