#include "ebpf/matcher.h"

#include <algorithm>

namespace ebpf {
namespace {

std::optional<int64_t> Known(uint64_t stamp) {
  if (stamp == 0) return std::nullopt;
  return static_cast<int64_t>(stamp);
}

// Later hooks and the program see neither VLAN tags nor, some of them, the device.
bool SameMessage(const ptp_key& message, const ptp_key& seen) {
  return message.clock_identity == seen.clock_identity &&
         message.port_number == seen.port_number &&
         message.sequence_id == seen.sequence_id &&
         message.message_type == seen.message_type && message.domain == seen.domain &&
         message.direction == seen.direction && message.transport == seen.transport &&
         (seen.ifindex == 0 || message.ifindex == seen.ifindex);
}

// The hook behind a queue is called after the queueing: a reader that is awake may have
// been faster.
void NotAfter(const std::optional<int64_t>& read, std::optional<int64_t>& queued) {
  if (queued && read) queued = std::min(*queued, *read);
}

void SetStamps(Record& record, std::optional<int64_t> hardware,
               std::optional<int64_t> software) {
  if (hardware) record.hardware_stamp = hardware;
  if (software) record.software_stamp = software;
}

}  // namespace

void Matcher::AddOwnCookie(uint64_t cookie) {
  if (cookie != 0) own_cookies_.push_back(cookie);
}

bool Matcher::IsOwn(uint64_t cookie) const {
  return cookie == PTP_OWN_SOCKET || std::find(own_cookies_.begin(), own_cookies_.end(),
                                               cookie) != own_cookies_.end();
}

void Matcher::OnEvent(const ptp_event& event) {
  ApplyOwnStampsUntil(static_cast<int64_t>(event.time));
  Apply(event);
}

void Matcher::ApplyOwnStampsUntil(int64_t mono_ns) {
  size_t applied = 0;
  while (applied < own_stamps_.size() && own_stamps_[applied].mono_ns <= mono_ns) {
    Apply(own_stamps_[applied++]);
  }
  own_stamps_.erase(own_stamps_.begin(),
                    own_stamps_.begin() + static_cast<ptrdiff_t>(applied));
}

Matcher::Message& Matcher::Begin(const ptp_key& key, int64_t since) {
  Message& message = messages_.emplace_back();
  message.record.key = key;
  message.since = since;
  ++(key.direction == PTP_RX ? counters_.received : counters_.sent);
  return message;
}

Matcher::Message* Matcher::Newest(const ptp_key& key, uint64_t socket) {
  const auto found =
      std::find_if(messages_.rbegin(), messages_.rend(), [&](const Message& m) {
        return SameMessage(m.record.key, key) &&
               (socket == 0 || m.socket == 0 || m.socket == socket);
      });
  return found == messages_.rend() ? nullptr : &*found;
}

// A socket is read in order: what lies behind the newest message that was read.
Matcher::Message* Matcher::OldestUnread(uint64_t socket) {
  Message* oldest = nullptr;
  for (auto m = messages_.rbegin(); m != messages_.rend(); ++m) {
    if (m->record.key.direction != PTP_RX || m->socket != socket) continue;
    if (m->record.user) break;
    oldest = &*m;
  }
  return oldest;
}

void Matcher::Apply(const ptp_event& event) {
  const auto time = static_cast<int64_t>(event.time);
  const auto hardware = Known(event.hardware), software = Known(event.software);
  switch (event.hook) {
    case PTP_AT_STACK: {
      Message& message = Begin(event.key, Known(event.driver).value_or(time));
      message.record.driver = Known(event.driver);
      message.record.stack = time;
      return SetStamps(message.record, hardware, software);
    }
    case PTP_AT_XMIT:
      return OnXmit(event);
    case PTP_AT_SOCKET:
      return OnSocket(event);
    case PTP_AT_RECV:
      return OnRecv(event);
    case PTP_AT_COPY:
    case PTP_AT_STAMP:
      return OnRead(event);
    case PTP_AT_DROP:
      return OnDrop(event);
  }
}

// Its PTP_AT_STACK, exactly; a repeated key is another message.
Matcher::Message* Matcher::AtStack(const ptp_event& event) {
  if (event.message == 0) return nullptr;
  const auto found =
      std::find_if(messages_.rbegin(), messages_.rend(), [&](const Message& m) {
        return m.record.stack == Known(event.message) &&
               SameMessage(m.record.key, event.key);
      });
  return found == messages_.rend() ? nullptr : &*found;
}

void Matcher::OnSocket(const ptp_event& event) {
  // A socket filter does not know when its message was at the stack.
  Message* message = event.message != 0 ? AtStack(event) : Newest(event.key, 0);
  if (message == nullptr) {
    ++counters_.unmatched;
    return;
  }
  const bool ours =
      own_cookies_.empty() ? !message->record.socket : IsOwn(event.cookie);
  if (ours) {
    message->record.socket = static_cast<int64_t>(event.time);
    message->socket = event.socket;
    if (early_read_ && early_read_->socket == event.socket &&
        message->record.stack < static_cast<int64_t>(early_read_->time)) {
      message->record.user = static_cast<int64_t>(early_read_->time);
      early_read_.reset();
    }
  } else {
    ++message->record.other_sockets;
  }
}

void Matcher::OnRecv(const ptp_event& event) {
  if (Message* message = OldestUnread(event.socket)) {
    message->record.user = static_cast<int64_t>(event.time);
  } else {
    early_read_ = event;  // Or a message that is no PTP.
  }
}

void Matcher::OnXmit(const ptp_event& event) {
  Message* message = Newest(event.key, 0);
  if (message == nullptr || message->record.xmit) {
    message = &Begin(event.key, static_cast<int64_t>(event.time));
  }
  message->record.key = event.key;  // With its VLANs.
  message->record.xmit = static_cast<int64_t>(event.time);
  message->record.stamp_asked = event.stamp_asked != 0;
  message->socket = event.socket;
}

void Matcher::OnRead(const ptp_event& event) {
  Message* message = Newest(event.key, event.socket);
  if (message == nullptr) {
    // A tap's reading of what others sent or got is none of ours.
    counters_.unmatched += Newest(event.key, 0) == nullptr;
    return;
  }
  Record& record = message->record;
  SetStamps(record, Known(event.hardware), Known(event.software));
  auto& seen = event.key.direction == PTP_RX ? record.user
               : event.hook == PTP_AT_COPY   ? record.stamp_read
                                             : record.stamp_queued;
  if (seen) return;  // Software and hardware stamp may come one by one.
  seen = static_cast<int64_t>(event.time);
  if (event.key.direction == PTP_TX) CountOrder(*message);
}

void Matcher::CountOrder(const Message& stamped) {
  if (stamped.record.stamp_queued && stamped.record.stamp_read) return;  // Counted.
  const bool overtaken =
      std::any_of(messages_.begin() + (&stamped - messages_.data()) + 1,
                  messages_.end(), [&](const Message& m) {
                    return m.record.key.direction == PTP_TX &&
                           m.record.key.ifindex == stamped.record.key.ifindex &&
                           (m.record.stamp_queued || m.record.stamp_read);
                  });
  if (overtaken) ++counters_.stamps_out_of_order;
}

void Matcher::OnDrop(const ptp_event& event) {
  Message* message = AtStack(event);
  if (message == nullptr) {  // Dropped on its way to the stack.
    message = &Begin(event.key, static_cast<int64_t>(event.time));
  }
  message->record.drop_reason = event.reason;
}

void Matcher::Apply(const OwnStamp& own) {
  Message* message = Newest(own.key, 0);
  const bool sent = own.point == OwnStamp::Point::kSent;
  const bool again =  // The key, by another message; a hook sees the same reading.
      message != nullptr &&
      ((sent && message->record.send) || (own.point == OwnStamp::Point::kReceived &&
                                          message->record.user && !hooks_.reads));
  if (message == nullptr || again) {
    if (hooks_.first && !sent) ++counters_.unmatched;
    message = &Begin(own.key, own.mono_ns);
  }
  Record& record = message->record;
  SetStamps(record, own.hardware_stamp, own.software_stamp);
  switch (own.point) {
    case OwnStamp::Point::kReceived:
      record.user = own.mono_ns;
      return;
    case OwnStamp::Point::kSent:
      record.send = own.mono_ns;
      return;
    case OwnStamp::Point::kStampRead:
      record.stamp_read = own.mono_ns;
      return CountOrder(*message);
  }
}

bool Matcher::StampExpected(const Message& message) const {
  const Record& record = message.record;
  const bool l2 = record.key.transport == PTP_L2;
  return record.key.direction == PTP_TX && record.stamp_asked &&
         (hooks_.reads || (l2 ? hooks_.stamp_l2 : hooks_.stamp_udp) || record.send);
}

bool Matcher::Finished(const Message& message, int64_t now) const {
  const Record& record = message.record;
  const bool read = hooks_.reads || record.send ? record.stamp_read.has_value()
                                                : record.stamp_queued.has_value();
  const bool waiting = StampExpected(message) && !read;
  return now - message.since > (waiting ? limits_.stamp_timeout_ns : limits_.settle_ns);
}

void Matcher::Count(Message& message) {
  Record& record = message.record;
  NotAfter(record.user, record.socket);
  NotAfter(record.stamp_read, record.stamp_queued);
  if (record.key.direction == PTP_RX) {
    counters_.dropped += record.drop_reason.has_value();
    counters_.other_sockets += record.other_sockets;
    counters_.no_socket += hooks_.socket && !record.socket && !record.drop_reason &&
                           record.other_sockets == 0;
    return;
  }
  const auto stamped = record.stamp_queued ? record.stamp_queued : record.stamp_read;
  counters_.stamps_asked += record.stamp_asked;
  counters_.stamps_late +=
      stamped && record.xmit && *stamped - *record.xmit > limits_.late_stamp_ns;
  record.stamp_missing = StampExpected(message) && !stamped;
  counters_.stamps_missing += record.stamp_missing;
}

void Matcher::Finish(int64_t mono_now_ns, absl::FunctionRef<void(const Record&)> out) {
  ApplyOwnStampsUntil(mono_now_ns);
  const auto kept = std::remove_if(messages_.begin(), messages_.end(), [&](Message& m) {
    if (!Finished(m, mono_now_ns)) return false;
    Count(m);
    out(m.record);
    return true;
  });
  messages_.erase(kept, messages_.end());
}

}  // namespace ebpf
