// bridge/base/byte_reader.h
//
// Reads big-endian values from a span of octets, the way a wire table is read:
// top to bottom, one line per field. Reading past the end yields zeros and
// clears ok(), so a parser checks once, at its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace bridge {

class ByteReader {
 public:
  explicit ByteReader(std::span<const uint8_t> octets) : octets_(octets) {}

  uint8_t U8() { return static_cast<uint8_t>(BigEndian<1>()); }
  uint16_t U16() { return static_cast<uint16_t>(BigEndian<2>()); }
  uint32_t U32() { return static_cast<uint32_t>(BigEndian<4>()); }
  uint64_t U48() { return BigEndian<6>(); }
  uint64_t U64() { return BigEndian<8>(); }
  int8_t I8() { return static_cast<int8_t>(U8()); }
  int16_t I16() { return static_cast<int16_t>(U16()); }
  int64_t I64() { return static_cast<int64_t>(U64()); }

  void Skip(size_t count) { Bytes(count); }

  // The next `count` octets, or an empty span (and !ok()) when fewer remain.
  std::span<const uint8_t> Bytes(size_t count) {
    if (count > remaining()) {
      ok_ = false;
      position_ = octets_.size();
      return {};
    }
    const auto taken = octets_.subspan(position_, count);
    position_ += count;
    return taken;
  }

  size_t position() const { return position_; }
  size_t remaining() const { return octets_.size() - position_; }
  bool ok() const { return ok_; }

 private:
  template <size_t kWidth>
  uint64_t BigEndian() {
    const auto taken = Bytes(kWidth);
    if (taken.empty()) return 0;
    return Join(taken.data(), std::make_index_sequence<kWidth>());
  }
  // Written out, compilers make one load of it.
  template <size_t... kIndex>
  static uint64_t Join(const uint8_t* octets, std::index_sequence<kIndex...>) {
    return (... | (uint64_t{octets[kIndex]} << 8 * (sizeof...(kIndex) - 1 - kIndex)));
  }

  std::span<const uint8_t> octets_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace bridge
