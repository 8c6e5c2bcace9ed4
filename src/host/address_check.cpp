// SPDX-License-Identifier: MIT
#include "host/address_check.hpp"

namespace anabranch::host {
namespace {

constexpr unsigned kProbes = 3;
constexpr milliseconds kProbeInterval{100};
constexpr unsigned kProbeJitterMs = 20;
constexpr unsigned kAnnouncements = 2;
constexpr seconds kAnnounceInterval{2};
constexpr seconds kDefendInterval{10};

}  // namespace

MonotonicTime AddressCheck::probe_wait(MonotonicTime now) const {
  return now + kProbeInterval + milliseconds(settings_.random() % (kProbeJitterMs + 1));
}

AddressCheck::Step AddressCheck::probe(const IpAddress& address, MonotonicTime now) {
  stop();
  address_ = address;
  next_ = now;
  return timer(now);
}

void AddressCheck::watch(const IpAddress& address) {
  if (in_use_ && address_ == address) return;
  stop();
  address_ = address;
  in_use_ = true;
}

void AddressCheck::stop() {
  address_.reset();
  in_use_ = false;
  probes_ = announcements_ = 0;
  defended_.reset();
  next_ = MonotonicTime::max();
}

AddressCheck::Step AddressCheck::announce(MonotonicTime now) {
  ++announcements_;
  next_ = announcements_ < kAnnouncements ? now + kAnnounceInterval : MonotonicTime::max();
  return {wire::ArpPacket::announcement(settings_.mac, *address_)};
}

AddressCheck::Step AddressCheck::timer(MonotonicTime now) {
  if (now < next_) return {};
  if (in_use_) return announce(now);
  if (probes_ < kProbes) {
    ++probes_;
    next_ = probe_wait(now);
    return {wire::ArpPacket::probe(settings_.mac, *address_)};
  }
  in_use_ = true;
  Step step = announce(now);
  step.verdict = Verdict::kFree;
  return step;
}

AddressCheck::Step AddressCheck::conflict(const MacAddress& other) {
  stop();
  return {std::nullopt, Verdict::kConflict, other};
}

AddressCheck::Step AddressCheck::receive(const wire::ArpPacket& packet, MonotonicTime now) {
  if (!address_ || packet.sender_mac == settings_.mac || settings_.own(packet.sender_mac))
    return {};
  const bool claims = packet.sender == *address_;
  // Somebody who probes for it at the same moment will not use it either (section 2.1.1). Once the
  // address is in use the kernel answers such a probe, and that is all.
  const bool probes = packet.operation == wire::ArpPacket::Operation::kRequest &&
                      packet.sender.is_unspecified() && packet.target == *address_;
  if (!in_use_) return claims || probes ? conflict(packet.sender_mac) : Step{};
  if (!claims) return {};
  const bool late_answer = announcements_ > 0 && announcements_ < kAnnouncements;
  if (late_answer || (defended_ && now - *defended_ < kDefendInterval))
    return conflict(packet.sender_mac);
  defended_ = now;
  return {wire::ArpPacket::announcement(settings_.mac, *address_), Verdict::kDefended,
          packet.sender_mac};
}

}  // namespace anabranch::host
