// Package pjrt finds, installs, probes and opens what a model computes on: an
// XLA plugin (a shared library that speaks PJRT, XLA's C interface) or the
// pure-Go backend that is always there.
//
// First call: [Open]. With the spec "auto" it never fails for want of a plugin:
//
//	backend, info, err := pjrt.Open(ctx, "auto", pjrt.OpenOptions{})
//	if info.Notice != "" { fmt.Fprintln(os.Stderr, "note:", info.Notice) }
//
// A plugin is a large C++ library; a wrong one does not return an error, it ends
// the process. So each is tried in a child process first ([Probe]), and the
// program must let that child in: call [MaybeRunProbe] as the first statement of
// main and of TestMain.
//
// [Install] fetches one exact version through pip (named by package, never by
// host), compares SHA-256 of the wheel and of the library inside with a table in
// this package, unpacks only that library, probes it, and only then renames it
// into the user's cache folder. It also serves the ONNX Runtime library that
// package internal/ort opens.
//
// It refuses: any file whose digest is not in the table, wheels with names that
// leave their folder, and plugins that fail the probe. Nothing is ever downloaded
// by Open; GoMLX's auto-installer is not linked.
//
// XLA's logging is off unless TF_CPP_MIN_LOG_LEVEL is set. On long inputs glibc
// returns the large temporaries of each step to the kernel and faults them in
// again; starting the program with
//
//	MALLOC_ARENA_MAX=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000
//	GLIBC_TUNABLES=glibc.malloc.hugetlb=1
//
// took a quarter off a training step of 1024 frames, at the price of memory that
// is kept until the process ends. It is left to the user.
//
// An XLA plugin needs cgo. A build with CGO_ENABLED=0 has the Go backend only,
// and says so.
package pjrt
