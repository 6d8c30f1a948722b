// bridge/base/byte_writer.h
//
// Writes big-endian values into a caller's buffer. Writing past the end writes
// nothing and clears ok(), so a serialiser checks once, at its end.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace bridge {

class ByteWriter {
 public:
  explicit ByteWriter(std::span<uint8_t> buffer) : buffer_(buffer) {}

  void U8(uint8_t v) { BigEndian(v, 1); }
  void U16(uint16_t v) { BigEndian(v, 2); }
  void U32(uint32_t v) { BigEndian(v, 4); }
  void U48(uint64_t v) { BigEndian(v, 6); }
  void U64(uint64_t v) { BigEndian(v, 8); }
  void I8(int8_t v) { U8(static_cast<uint8_t>(v)); }
  void I16(int16_t v) { U16(static_cast<uint16_t>(v)); }
  void I64(int64_t v) { U64(static_cast<uint64_t>(v)); }

  void Zeros(size_t count) {
    while (count-- > 0) U8(0);
  }
  void Bytes(std::span<const uint8_t> octets) {
    for (uint8_t octet : octets) U8(octet);
  }

  std::span<const uint8_t> written() const { return buffer_.first(position_); }
  size_t position() const { return position_; }
  bool ok() const { return ok_; }

 private:
  void BigEndian(uint64_t value, size_t width) {
    if (width > buffer_.size() - position_) {
      ok_ = false;
      return;
    }
    for (size_t i = width; i-- > 0;) {
      buffer_[position_++] = static_cast<uint8_t>(value >> (8 * i));
    }
  }

  std::span<uint8_t> buffer_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace bridge
