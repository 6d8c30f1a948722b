// bridge/base/byte_writer.h
//
// Writes big-endian values into a caller's buffer. Writing past the end writes
// nothing and clears ok(), so a serialiser checks once, at its end.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace bridge {

class ByteWriter {
 public:
  explicit ByteWriter(std::span<uint8_t> buffer) : buffer_(buffer) {}

  void U8(uint8_t v) { BigEndian<1>(v); }
  void U16(uint16_t v) { BigEndian<2>(v); }
  void U32(uint32_t v) { BigEndian<4>(v); }
  void U48(uint64_t v) { BigEndian<6>(v); }
  void U64(uint64_t v) { BigEndian<8>(v); }
  void I8(int8_t v) { U8(static_cast<uint8_t>(v)); }
  void I16(int16_t v) { U16(static_cast<uint16_t>(v)); }
  void I64(int64_t v) { U64(static_cast<uint64_t>(v)); }

  void Zeros(size_t count) {
    const auto room = Take(count);
    std::fill(room.begin(), room.end(), uint8_t{0});
  }
  void Bytes(std::span<const uint8_t> octets) {
    const auto room = Take(octets.size());
    std::copy_n(octets.begin(), room.size(), room.begin());
  }

  std::span<const uint8_t> written() const { return buffer_.first(position_); }
  size_t position() const { return position_; }
  bool ok() const { return ok_; }

 private:
  // Room for so many octets, or none where there is not enough.
  std::span<uint8_t> Take(size_t count) {
    if (count > buffer_.size() - position_) {
      ok_ = false;
      return {};
    }
    const auto room = buffer_.subspan(position_, count);
    position_ += count;
    return room;
  }
  template <size_t kWidth>
  void BigEndian(uint64_t value) {
    const auto room = Take(kWidth);
    if (!room.empty()) Spread(value, room.data(), std::make_index_sequence<kWidth>());
  }
  // Written out, compilers make one store of it.
  template <size_t... kIndex>
  static void Spread(uint64_t value, uint8_t* octets, std::index_sequence<kIndex...>) {
    ((octets[kIndex] =
          static_cast<uint8_t>(value >> 8 * (sizeof...(kIndex) - 1 - kIndex))),
     ...);
  }

  std::span<uint8_t> buffer_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace bridge
