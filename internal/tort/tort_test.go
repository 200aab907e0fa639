package tort

import (
	"encoding/hex"
	"strings"
	"testing"
)

// TestBytes compares with a file worked out by hand from the schema.
func TestBytes(t *testing.T) {
	got, err := Bytes(7, []Tensor{{Name: "ab", Dims: []int64{1}, Data: []byte{0, 0, 128, 63}}})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"14000000", "544f5254", // root at 20, TORT
		"0c00", "1400", "0400", "0800", "0c00", "1000", // vtable of 12 bytes, table of 20
		"0c000000", "01000000", "01000000", "07000000", "04000000", // table at 20: format, adapter, model, list at 40
		"01000000", "10000000", // one parameter, at 60
		"0c00", "1400", "0400", "0800", "0c00", "1000",
		"0c000000", "10000000", "18000000", "01000000", "20000000", // table at 60: name at 80, dims at 92, float, data at 108
		"02000000", "61620000", "00000000", // name and padding
		"01000000", "0100000000000000", // dims from 96 on
		"00000000", "04000000", "0000803f", // the bytes begin at 112, a multiple of 8
	}, "")
	if hex.EncodeToString(got) != want {
		t.Errorf("got  %x\nwant %s", got, want)
	}
}

func TestBytesRefuses(t *testing.T) {
	if _, err := Bytes(0, []Tensor{{Name: "a", Dims: []int64{3}, Data: make([]byte, 8)}}); err == nil {
		t.Error("a tensor with too few bytes was written")
	}
}
