package score

import (
	_ "embed"
	"strings"
)

//go:embed notpassed.txt
var notPassed string

// Reasons gives the cases that do not pass here, by title, each with its reason.
func Reasons() map[string]string {
	reasons := make(map[string]string)
	for line := range strings.Lines(notPassed) {
		title, reason, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if title != "" && !strings.HasPrefix(title, "#") {
			reasons[title] = reason
		}
	}
	return reasons
}

// Rounding tells whether a reason is one that does not hold on every backend.
func Rounding(reason string) bool { return strings.HasPrefix(reason, "rounding") }
