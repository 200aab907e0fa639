package graphsurgery

import "syscall"

// noHugePages keeps the kernel from giving 2 MB where 4 KB are touched. Without it
// loading only takes more memory.
func noHugePages(b []byte) { _ = syscall.Madvise(b, syscall.MADV_NOHUGEPAGE) }
