package graphsurgery

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// TextError says where and why a text is not a model. Line and Column count
// from 1, columns in characters.
type TextError struct {
	Line, Column int
	What         string
	Excerpt      string // the line, cut around the place, and a caret below it
}

// Error gives the place, what was wanted and found there, and the excerpt.
func (e *TextError) Error() string {
	return fmt.Sprintf("text line %d, column %d: %s\n%s", e.Line, e.Column, e.What, e.Excerpt)
}

// tokenKind sorts the words of the ONNX text syntax.
type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokIdent            // letters, digits and _
	tokString           // quoted; \ takes the next byte as it is
	tokInt
	tokFloat
	tokMark // punctuation: one byte, or => or ...
)

type token struct {
	kind tokenKind
	text string // of a string, what it stands for
	at   int    // byte offset
}

// String names the token in messages.
func (t token) String() string {
	switch t.kind {
	case tokEnd:
		return "the end of the text"
	case tokString:
		return fmt.Sprintf("the string %s", clipText(quoteText(t.text), 40))
	}
	return clipText(t.text, 40)
}

func clipText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}

// lexer splits a text into tokens. It stops for good at its first error.
type lexer struct {
	src  string
	next int
	err  *TextError
}

// fail keeps the first error.
func (l *lexer) fail(at int, format string, args ...any) {
	if l.err == nil {
		l.err = textError(l.src, at, fmt.Sprintf(format, args...))
	}
}

func textError(src string, at int, what string) *TextError {
	start := strings.LastIndexByte(src[:at], '\n') + 1
	line := src[start:]
	if end := strings.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
	}
	column := utf8.RuneCountInString(src[start:at])
	return &TextError{
		Line:    strings.Count(src[:start], "\n") + 1,
		Column:  column + 1,
		What:    what,
		Excerpt: excerpt([]rune(strings.ReplaceAll(line, "\t", " ")), column),
	}
}

// excerpt cuts the line to 72 characters around the column.
func excerpt(line []rune, column int) string {
	const width = 72
	from := max(0, min(column-width/2, len(line)-width))
	to := min(len(line), from+width)
	before, after := "", ""
	if from > 0 {
		before = "… "
	}
	if to < len(line) {
		after = " …"
	}
	pad := strings.Repeat(" ", utf8.RuneCountInString(before)+column-from)
	return "    " + before + string(line[from:to]) + after + "\n    " + pad + "^"
}

// token reads the next token; after an error, always the end.
func (l *lexer) token() token {
	l.space()
	at := l.next
	if l.err != nil || at >= len(l.src) {
		return token{kind: tokEnd, at: len(l.src)}
	}
	c := l.src[at]
	switch {
	case isLetter(c):
		l.skip(isWord)
		return token{tokIdent, l.src[at:l.next], at}
	case c == '"':
		return l.quoted()
	case c == '-' || isDigit(c):
		return l.number()
	case strings.HasPrefix(l.src[at:], "=>"):
		l.next += 2
	case strings.HasPrefix(l.src[at:], "..."):
		l.next += 3
	case strings.IndexByte("<>()[]{},:=.?@", c) >= 0:
		l.next++
	default:
		r, _ := utf8.DecodeRuneInString(l.src[at:])
		l.fail(at, "the character %q has no meaning here", r)
		return token{kind: tokEnd, at: at}
	}
	return token{tokMark, l.src[at:l.next], at}
}

// space skips white space and comments, which run from # to the end of the line.
func (l *lexer) space() {
	for l.next < len(l.src) {
		switch c := l.src[l.next]; {
		case c == ' ' || c >= '\t' && c <= '\r':
			l.next++
		case c == '#':
			l.skip(func(c byte) bool { return c != '\n' })
		default:
			return
		}
	}
}

func (l *lexer) skip(while func(byte) bool) {
	for l.next < len(l.src) && while(l.src[l.next]) {
		l.next++
	}
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) }

func (l *lexer) quoted() token {
	at := l.next
	var b strings.Builder
	for i := at + 1; i < len(l.src); i++ {
		switch c := l.src[i]; c {
		case '"':
			l.next = i + 1
			return token{tokString, b.String(), at}
		case '\\':
			if i++; i < len(l.src) {
				b.WriteByte(l.src[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	l.fail(at, "the string that begins here has no end")
	return token{kind: tokEnd, at: at}
}

// number reads -?digits, with a point or an exponent a float, and -inf, -nan.
func (l *lexer) number() token {
	at := l.next
	if l.src[at] == '-' {
		l.next++
	}
	if word := l.next; word < len(l.src) && isLetter(l.src[word]) {
		l.skip(isWord)
		if !isFloatWord(l.src[word:l.next]) {
			l.fail(at, "want a number, got %s", clipText(l.src[at:l.next], 40))
		}
		return token{tokFloat, l.src[at:l.next], at}
	}
	kind, digits := tokInt, l.next
	l.skip(isDigit)
	if l.next == digits {
		l.fail(at, "want a number behind the sign")
	}
	if l.next < len(l.src) && l.src[l.next] == '.' {
		kind = tokFloat
		l.next++
		l.skip(isDigit)
	}
	if l.next < len(l.src) && (l.src[l.next] == 'e' || l.src[l.next] == 'E') {
		kind = tokFloat
		l.next++
		if l.next < len(l.src) && (l.src[l.next] == '+' || l.src[l.next] == '-') {
			l.next++
		}
		digits = l.next
		if l.skip(isDigit); l.next == digits {
			l.fail(at, "the exponent of %s has no digits", clipText(l.src[at:l.next], 40))
		}
	}
	return token{kind, l.src[at:l.next], at}
}

// isFloatWord reports whether an identifier is a number: inf, infinity or nan, in
// any case.
func isFloatWord(s string) bool {
	return strings.EqualFold(s, "inf") || strings.EqualFold(s, "infinity") || strings.EqualFold(s, "nan")
}
