#include "textflag.h"

// Decoding of base64 lines in blocks of 32 characters with AVX2, after Muła and Lemire,
// "Faster Base64 Encoding and Decoding Using AVX2 Instructions" (2018), section 5.
// The two nibbles of a character choose each a set of bits; the sets have one in
// common if and only if the character is no digit. The upper nibble, less one for
// the slash, chooses what turns the character into its value.

// By the lower nibble.
DATA lowSets<>+0(SB)/8, $0x1111111111111115
DATA lowSets<>+8(SB)/8, $0x1A1B1B1B1A131111
DATA lowSets<>+16(SB)/8, $0x1111111111111115
DATA lowSets<>+24(SB)/8, $0x1A1B1B1B1A131111
GLOBL lowSets<>(SB), RODATA|NOPTR, $32

// By the upper nibble.
DATA highSets<>+0(SB)/8, $0x0804080402011010
DATA highSets<>+8(SB)/8, $0x1010101010101010
DATA highSets<>+16(SB)/8, $0x0804080402011010
DATA highSets<>+24(SB)/8, $0x1010101010101010
GLOBL highSets<>(SB), RODATA|NOPTR, $32

// What is added to a character: 16 for the slash, 19 for the plus sign, 4 for figures,
// -65 for capital and -71 for small letters.
DATA shifts<>+0(SB)/8, $0xB9B9BFBF04131000
DATA shifts<>+8(SB)/8, $0
DATA shifts<>+16(SB)/8, $0xB9B9BFBF04131000
DATA shifts<>+24(SB)/8, $0
GLOBL shifts<>(SB), RODATA|NOPTR, $32

// The bytes of each group in the order of the content, and then the four groups of
// both halves side by side.
DATA order<>+0(SB)/8, $0x090A040506000102
DATA order<>+8(SB)/8, $0xFFFFFFFF0C0D0E08
DATA order<>+16(SB)/8, $0x090A040506000102
DATA order<>+24(SB)/8, $0xFFFFFFFF0C0D0E08
GLOBL order<>(SB), RODATA|NOPTR, $32

DATA halves<>+0(SB)/8, $0x0000000100000000
DATA halves<>+8(SB)/8, $0x0000000400000002
DATA halves<>+16(SB)/8, $0x0000000600000005
DATA halves<>+24(SB)/8, $0xFFFFFFFFFFFFFFFF
GLOBL halves<>(SB), RODATA|NOPTR, $32

DATA slash<>+0(SB)/4, $0x2F2F2F2F // also a mask for nibbles: a shuffle looks at bits 7 and 0 to 3
GLOBL slash<>(SB), RODATA|NOPTR, $4

DATA pairs<>+0(SB)/4, $0x01400140 // first * 64 + second
GLOBL pairs<>(SB), RODATA|NOPTR, $4

DATA fours<>+0(SB)/4, $0x00011000 // first pair * 4096 + second
GLOBL fours<>(SB), RODATA|NOPTR, $4

// func decodeLinesAVX2(out, in *byte, width, lines int) int
TEXT ·decodeLinesAVX2(SB), NOSPLIT, $0-40
	MOVQ out+0(FP), DI
	MOVQ in+8(FP), SI
	MOVQ width+16(FP), DX
	MOVQ lines+24(FP), CX
	XORQ AX, AX
	VMOVDQU lowSets<>(SB), Y8
	VMOVDQU highSets<>(SB), Y9
	VMOVDQU shifts<>(SB), Y10
	VMOVDQU order<>(SB), Y11
	VMOVDQU halves<>(SB), Y12
	VPBROADCASTD slash<>(SB), Y13
	VPBROADCASTD pairs<>(SB), Y14
	VPBROADCASTD fours<>(SB), Y15

	MOVQ DX, BX
	SHRQ $2, BX
	LEAQ (BX)(BX*2), BX // bytes of a line's content

line:
	MOVQ SI, R8            // the block
	MOVQ DI, R9            // its content
	LEAQ -32(SI)(DX*1), R10 // the last block of the line

block:
	CMPQ R8, R10
	JLT  decode
	MOVQ R10, R8 // it may begin in the block before
	LEAQ -24(DI)(BX*1), R9

decode:
	VMOVDQU (R8), Y0
	VPSRLD  $4, Y0, Y1
	VPAND   Y13, Y1, Y1 // upper nibbles
	VPAND   Y13, Y0, Y2 // lower nibbles
	VPSHUFB Y1, Y9, Y3
	VPSHUFB Y2, Y8, Y4
	VPTEST  Y3, Y4
	JNZ     done        // not all are digits

	VPCMPEQB   Y13, Y0, Y2
	VPADDB     Y1, Y2, Y1
	VPSHUFB    Y1, Y10, Y1
	VPADDB     Y1, Y0, Y0 // values
	VPMADDUBSW Y14, Y0, Y0
	VPMADDWD   Y15, Y0, Y0
	VPSHUFB    Y11, Y0, Y0
	VPERMD     Y0, Y12, Y0
	VMOVDQU    Y0, (R9)

	ADDQ $32, R8
	ADDQ $24, R9
	CMPQ R8, R10
	JLT  decode
	LEAQ (SI)(DX*1), R11
	CMPQ R8, R11
	JLT  block

	CMPW (R11), $0x0A0D
	JNE  done
	LEAQ 2(R11), SI
	ADDQ BX, DI
	INCQ AX
	CMPQ AX, CX
	JLT  line

done:
	VZEROUPPER
	MOVQ AX, ret+32(FP)
	RET
