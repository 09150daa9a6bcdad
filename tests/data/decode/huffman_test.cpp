#include "convmae/data/decode/huffman.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace convmae {
namespace {

// 0, 10, 110, 1110 and, of 12 bits, 111100000000: symbols with 0, 1, 3, 10 and 2 bits of a number.
HuffmanCode small_code() {
  HuffmanCode code;
  code.counts[1] = code.counts[2] = code.counts[3] = code.counts[4] = code.counts[12] = 1;
  code.symbols[0] = 0x00;
  code.symbols[1] = 0x21;
  code.symbols[2] = 0x03;
  code.symbols[3] = 0x0A;
  code.symbols[4] = 0x42;
  return code;
}

constexpr int kRest = HuffmanTable::kBits;

std::uint32_t entry_of(const HuffmanTable& table, std::uint32_t bits, int count) {
  return table.entries()[bits << (kRest - count)];
}

TEST(HuffmanTable, FindsSymbolsOfAnyLength) {
  HuffmanTable table;
  ASSERT_TRUE(table.build(small_code()));
  const auto found = [&table](std::uint32_t bits, int count) {
    return table.find(bits << (HuffmanTable::kLongest - count));
  };
  EXPECT_EQ(found(0b0, 1).length, 1);
  EXPECT_EQ(found(0b10, 2).symbol, 0x21);
  EXPECT_EQ(found(0b1110, 4).symbol, 0x0A);
  EXPECT_EQ(found(0b111100000000, 12).symbol, 0x42);
  EXPECT_EQ(found(0b111100000000, 12).length, 12);
  EXPECT_EQ(found(0b1111, 4).length, 12);
  EXPECT_EQ(found(0b11111, 5).length, 0);
}

TEST(HuffmanTable, LooksUpNumbersThatFit) {
  HuffmanTable table;
  ASSERT_TRUE(table.build(small_code()));
  const auto number = [](std::uint32_t entry) { return static_cast<std::int32_t>(entry) >> 16; };
  // Behind 110 three bits: 000 is -7, 011 -4, 100 4, 111 7.
  EXPECT_EQ(number(entry_of(table, 0b110000, 6)), -7);
  EXPECT_EQ(number(entry_of(table, 0b110011, 6)), -4);
  EXPECT_EQ(number(entry_of(table, 0b110100, 6)), 4);
  EXPECT_EQ(number(entry_of(table, 0b110111, 6)), 7);
  EXPECT_EQ(entry_of(table, 0b110111, 6) & 0xFF, 6U);
  EXPECT_EQ(number(entry_of(table, 0b101, 3)), 1);
  EXPECT_EQ(entry_of(table, 0b101, 3) >> 12 & 15, 2U);  // zeros before it
  // No number, one that does not fit, and a symbol that is too long.
  EXPECT_EQ(entry_of(table, 0b0, 1), 0x0001U);
  EXPECT_EQ(entry_of(table, 0b1110, 4), 0x0A04U);
  EXPECT_EQ(entry_of(table, 0b1111, 4), 0U);
}

TEST(HuffmanTable, RefusesMoreCodesThanThereAre) {
  HuffmanCode code = small_code();
  code.counts[1] = 3;
  HuffmanTable table;
  EXPECT_FALSE(table.build(code));
  code.counts[1] = 2;  // leaves none for the longer ones
  EXPECT_FALSE(table.build(code));
  code = {};
  EXPECT_TRUE(table.build(code));
  EXPECT_EQ(table.find(0).length, 0);
}

}  // namespace
}  // namespace convmae
