// bridge/ptp/tlv.h
//
// The TLVs behind a message's body (IEEE 1588-2019, clause 14), kept as octets:
// a view that checks its form once and is walked without allocation.
//
//   for (const Tlv& tlv : message.tlvs) if (tlv.type == TlvType::kPathTrace) ...
#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <span>

namespace bridge::ptp {

enum class TlvType : uint16_t {
  kManagement = 0x0001,
  kManagementErrorStatus = 0x0002,
  kOrganizationExtension = 0x0003,
  kRequestUnicastTransmission = 0x0004,
  kGrantUnicastTransmission = 0x0005,
  kCancelUnicastTransmission = 0x0006,
  kAcknowledgeCancelUnicastTransmission = 0x0007,
  kPathTrace = 0x0008,
  kAlternateTimeOffsetIndicator = 0x0009,
  // Others are passed through by number.
};

struct Tlv {
  TlvType type;
  std::span<const uint8_t> value;
};

class Tlvs {
 public:
  class Iterator {
   public:
    using value_type = Tlv;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(std::span<const uint8_t> rest) : rest_(rest) {}
    Tlv operator*() const;
    Iterator& operator++();
    friend bool operator==(const Iterator& a, const Iterator& b) {
      return a.rest_.size() == b.rest_.size();
    }

   private:
    std::span<const uint8_t> rest_;
  };

  Tlvs() = default;
  // Nothing when a length is odd or reaches past the end, or when one to three
  // octets are left over: messageLength counts whole TLVs only, so the sender is
  // confused about its own message. (Padding lies behind messageLength.)
  static std::optional<Tlvs> Parse(std::span<const uint8_t> octets);

  Iterator begin() const { return Iterator(octets_); }
  Iterator end() const { return Iterator({}); }
  bool empty() const { return octets_.empty(); }
  std::span<const uint8_t> octets() const { return octets_; }

 private:
  explicit Tlvs(std::span<const uint8_t> octets) : octets_(octets) {}
  std::span<const uint8_t> octets_;
};

}  // namespace bridge::ptp
