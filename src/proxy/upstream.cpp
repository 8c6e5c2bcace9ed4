// SPDX-License-Identifier: MIT
#include "proxy/upstream.hpp"

#include <cerrno>
#include <utility>

#include <linux/icmp.h>
#include <linux/icmpv6.h>

namespace anabranch::proxy {
namespace {

/// When this machine has run out of something, it may have it again very soon.
constexpr std::chrono::seconds kShortageWait{1};

}  // namespace

signalling::Outcome outcome_of(int error, std::optional<std::uint8_t> icmp_code) {
  using enum signalling::Verdict;
  signalling::Outcome out;
  if (icmp_code) {
    out.verdict = kUnreachable;
    out.icmp_code = *icmp_code;
    return out;
  }
  switch (error) {
    case 0:
      return out;
    case ECONNREFUSED:
    case ECONNRESET:
      out.verdict = kReset;
      return out;
    case EACCES:
    case EPERM:
      out.verdict = kNotAuthorized;
      return out;
    case EADDRNOTAVAIL:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      out.verdict = kResourceExceeded;
      out.wait = kShortageWait;
      return out;
    default:
      out.verdict = kNetworkFailure;
      return out;
  }
}

std::optional<std::uint8_t> implied_icmp_code(int error, Family family) {
  const bool v4 = family == Family::kIpv4;
  switch (error) {
    case ENETUNREACH:
      return v4 ? ICMP_NET_UNREACH : ICMPV6_NOROUTE;
    case EHOSTUNREACH:
      return v4 ? ICMP_HOST_UNREACH : ICMPV6_ADDR_UNREACH;
    case EHOSTDOWN:
      return ICMP_HOST_UNKNOWN;
    case ENONET:
      return ICMP_HOST_ISOLATED;
    case ENOPROTOOPT:
      return ICMP_PROT_UNREACH;
    case EACCES:
      if (!v4) return ICMPV6_ADM_PROHIBITED;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::string_view verdict_name(signalling::Verdict verdict) {
  using enum signalling::Verdict;
  switch (verdict) {
    case kEstablished:
      return "established";
    case kNotAuthorized:
      return "not-authorized";
    case kUnsupportedOption:
      return "unsupported-option";
    case kResourceExceeded:
      return "resource-exceeded";
    case kNetworkFailure:
      return "network-failure";
    case kReset:
      return "refused";
    case kUnreachable:
      return "unreachable";
  }
  std::unreachable();
}

}  // namespace anabranch::proxy
