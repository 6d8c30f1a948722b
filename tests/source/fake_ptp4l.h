// tests/source/fake_ptp4l.h
//
// The management side of a ptp4l, as far as a companion sees it: answers questions as
// 3.1.1, 4.0 or 4.2 do, on its read-write or its read-only socket, and pushes what was
// subscribed to. What its data sets say is the test's business.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bridge/ptp/management.h"

namespace bridge {

class FakePtp4l {
 public:
  using Octets = std::vector<uint8_t>;
  struct Port {
    ptp::PortState state = ptp::PortState::kSlave;
    uint8_t timestamping = 1;
    std::string interface = "eth0";
    std::optional<int> phc_index = 0;
  };

  ptp::ClockIdentity clock{0x001122fffe334455};
  ptp::DomainNumber domain;
  uint8_t sdo = 0;
  bool read_only = false;
  // What versions differ in: from 4.0, from 4.2, from 4.0.
  bool pushes_time = true;
  bool pushes_parent = true;
  bool tells_phc = true;
  bool silent = false;

  std::vector<Port> ports{Port{}};
  ptp::LogInterval announce_interval{1};
  ptp::LogInterval sync_interval{0};
  ptp::CurrentDataSet current{.steps_removed = 1};
  ptp::ParentDataSet parent{.parent = {{0xaabbccfffe000001}, 1},
                            .quality = {6, 0x21, 0x4e5d},
                            .grandmaster = {0xaabbccfffe000001}};
  ptp::TimePropertiesDataSet properties{
      .current_utc_offset = 37,
      .flags = {.current_utc_offset_valid = true, .ptp_timescale = true},
      .time_source = 0x20};
  ptp::GrandmasterSettingsNp own{
      .quality = {}, .utc_offset = 37, .flags = {.ptp_timescale = true}};
  ptp::TimeStatusNp status{.gm_present = true, .grandmaster = {0xaabbccfffe000001}};

  // Questions so far, by id.
  int Asked(ptp::ManagementId id) const {
    int count = 0;
    for (const auto& message : asked) count += ptp::IdOf(message.data) == id;
    return count;
  }
  std::vector<ptp::ManagementMessage> asked;
  // Changes a reply before it goes out.
  std::function<void(ptp::ManagementMessage&)> lie;

  // What comes back.
  std::vector<Octets> Answer(std::span<const uint8_t> octets) {
    const auto parsed = ptp::ParseManagement(octets);
    const auto* question = std::get_if<ptp::ManagementMessage>(&parsed);
    if (question == nullptr || silent || question->domain != domain ||
        question->sdo.major != sdo) {
      return {};
    }
    asked.push_back(*question);
    std::vector<Octets> replies;
    for (const ptp::ManagementData& data : DataFor(*question)) {
      replies.push_back(Message(question->source, question->sequence, data));
    }
    return replies;
  }

  // Pushes, if somebody subscribed to them.
  std::optional<Octets> PushTime() {
    return Push(pushes_time && subscription_.time_sync, status);
  }
  std::optional<Octets> PushParent() {
    return Push(pushes_parent && subscription_.parent_data_set, parent);
  }
  std::optional<Octets> PushPort(size_t i) {
    return Push(subscription_.port_state, PortSet(i));
  }
  // As a new process begins: subscriptions are gone.
  void Restart() { subscription_ = {}; }
  bool subscribed() const { return subscription_.port_state; }
  bool time_subscribed() const { return subscription_.time_sync; }

  ptp::PortDataSet PortSet(size_t i) const {
    return {.port = {clock, static_cast<uint16_t>(i + 1)},
            .state = ports[i].state,
            .min_delay_req_interval = {0},
            .announce_interval = announce_interval,
            .sync_interval = sync_interval,
            .min_pdelay_req_interval = {0}};
  }
  Octets Message(ptp::PortIdentity target, ptp::SequenceId sequence,
                 const ptp::ManagementData& data) {
    ptp::ManagementMessage message{.sdo = {.major = sdo},
                                   .domain = domain,
                                   .source = {clock, 0},
                                   .sequence = sequence,
                                   .target = target,
                                   .action = ptp::ManagementAction::kResponse,
                                   .data = data};
    if (lie) lie(message);
    std::array<uint8_t, ptp::kMaxManagement> buffer;
    const auto written = ptp::SerializeManagement(message, buffer);
    return {written.begin(), written.end()};
  }

 private:
  std::optional<Octets> Push(bool wanted, const ptp::ManagementData& data) {
    if (!wanted || silent) return std::nullopt;
    return Message(subscriber_, pushed_ = pushed_.Next(), data);
  }

  std::vector<ptp::ManagementData> DataFor(const ptp::ManagementMessage& question) {
    using enum ptp::ManagementId;
    constexpr uint16_t kNoSuchId = 2;
    constexpr uint16_t kNotSupported = 6;
    std::vector<ptp::ManagementData> sets;
    const auto id = ptp::IdOf(question.data);
    const auto refuse = [&](uint16_t error) {
      sets.push_back(ptp::ManagementError{error, id});
    };
    switch (id) {
      case kDefaultDataSet:
        sets.push_back(
            ptp::DefaultDataSet{.number_ports = static_cast<uint16_t>(ports.size()),
                                .quality = {},
                                .identity = clock,
                                .domain = domain});
        break;
      case kCurrentDataSet:
        sets.push_back(current);
        break;
      case kParentDataSet:
        sets.push_back(parent);
        break;
      case kTimePropertiesDataSet:
        sets.push_back(properties);
        break;
      case kTimeStatusNp:
        sets.push_back(status);
        break;
      case kGrandmasterSettingsNp:
        sets.push_back(own);
        break;
      case kPortDataSet:
        for (size_t i = 0; i < ports.size(); ++i) sets.push_back(PortSet(i));
        break;
      case kPortPropertiesNp:
      case kPortHwclockNp:
        if (read_only) {
          refuse(kNotSupported);
          break;
        }
        if (id == kPortHwclockNp && !tells_phc) {
          refuse(kNoSuchId);
          break;
        }
        for (size_t i = 0; i < ports.size(); ++i) sets.push_back(AboutPort(i, id));
        break;
      case kSubscribeEventsNp:
        if (read_only) {
          refuse(kNotSupported);
          break;
        }
        if (const auto* wish = std::get_if<ptp::SubscribeEventsNp>(&question.data)) {
          subscription_ = *wish;
          subscriber_ = question.source;
          sets.push_back(subscription_);
        }
        break;
    }
    return sets;
  }
  ptp::ManagementData AboutPort(size_t i, ptp::ManagementId id) const {
    const ptp::PortIdentity identity{clock, static_cast<uint16_t>(i + 1)};
    if (id == ptp::ManagementId::kPortHwclockNp) {
      return ptp::PortHwclockNp{.port = identity, .phc_index = ports[i].phc_index};
    }
    return ptp::PortPropertiesNp{.port = identity,
                                 .state = ports[i].state,
                                 .timestamping = ports[i].timestamping,
                                 .interface = ports[i].interface};
  }

  ptp::SubscribeEventsNp subscription_;
  ptp::PortIdentity subscriber_;
  ptp::SequenceId pushed_;
};

}  // namespace bridge
