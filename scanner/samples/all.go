package samples

import "bytes"

// bombSize is what the archive bomb unpacks to: more than the default budget.
const bombSize = 12 << 20

// All is everything that a scanner is tried on, by file name: the EICAR file in every
// container and encoding, our test strings, and archives that can't be opened to the
// end.
func All() []File {
	eicar := File{"eicar.com", EICAR()}
	text := File{"readme.txt", bytes.Repeat([]byte("Nothing to see here. "), 400)}
	list := Containers(eicar)
	return append(list,
		File{"eicar.b64", []byte(Base64(eicar.Data))},
		File{"eicar.qp", []byte(QuotedPrintable(eicar.Data))},
		File{"eicar.uu", []byte(UU(eicar))},
		File{"eicar.yenc", []byte(YEnc(eicar))},
		File{"eicar.eml", Mail(eicar)},
		File{"zip.eml", Mail(File{"eicar.zip", Zip(eicar)})},
		File{"worm.txt", Worm()},
		File{"suspicious.txt", Suspicious()},
		File{"bomb.gz", Bomb(bombSize)},
		File{"encrypted.zip", LockedZip("lab", text)},
		File{"encrypted.7z", LockedSevenZip(text)},
		File{"encrypted.rar", LockedRar(text)},
		File{"corrupt.zip", CorruptZip(text)},
		File{"nest13.zip", Nested(13, text)},
	)
}
