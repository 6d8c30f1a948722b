#include "bridge/ptp/tlv.h"

#include "bridge/base/byte_reader.h"

namespace bridge::ptp {
namespace {

Tlv ReadTlv(ByteReader& in) {
  const auto type = static_cast<TlvType>(in.U16());
  const uint16_t length = in.U16();
  return {type, in.Bytes(length)};
}

}  // namespace

std::optional<Tlvs> Tlvs::Parse(std::span<const uint8_t> octets) {
  ByteReader in(octets);
  while (in.remaining() > 0) {
    const Tlv tlv = ReadTlv(in);
    if (!in.ok() || tlv.value.size() % 2 != 0) return std::nullopt;
  }
  return Tlvs(octets);
}

Tlv Tlvs::Iterator::operator*() const {
  ByteReader in(rest_);
  return ReadTlv(in);
}

Tlvs::Iterator& Tlvs::Iterator::operator++() {
  ByteReader in(rest_);
  ReadTlv(in);
  rest_ = rest_.subspan(in.position());
  return *this;
}

}  // namespace bridge::ptp
