package main

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// mallocTunables let glibc keep freed memory and ask for pages of 2 MB. XLA
// allocates its temporaries anew for each run of a program, and on a CPU the
// kernel would clear every 4 KB of them again and again: 15 % of a training step on
// clips of ten seconds (docs/performance.md).
const mallocTunables = "glibc.malloc.arena_max=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=100000000000:glibc.malloc.hugetlb=1"

// tuneMalloc starts the program again with glibc's allocator tuned, if the command
// computes much and the user has tuned nothing. glibc reads its tunables only
// when a process begins. It returns where that is not possible.
func tuneMalloc(args []string) {
	if runtime.GOOS != "linux" || len(args) < 2 || !slices.Contains([]string{"train", "bench", "quickstart"}, args[1]) {
		return
	}
	env := os.Environ()
	for _, e := range env {
		if strings.HasPrefix(e, "GLIBC_TUNABLES=") || strings.HasPrefix(e, "MALLOC_") {
			return // also the second time
		}
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	_ = syscall.Exec(self, args, append(env, "GLIBC_TUNABLES="+mallocTunables)) // returns only if it failed
}
