// SPDX-License-Identifier: MIT
// Asks a converter that was unreachable whether it is there again: a connection of our own with an
// Info TLV (RFC 8803 section 6.2.3), so that no host has to try. Whatever is said in Convert's
// words is a yes.
#pragma once

#include <memory>

#include "base/fd.hpp"
#include "proxy/converter_pool.hpp"
#include "proxy/watching.hpp"
#include "signalling/signalling.hpp"

namespace anabranch::proxy {

class CpePlane;

class ConverterInquiry {
 public:
  ConverterInquiry(CpePlane& plane, ConverterPool::Choice choice);
  ~ConverterInquiry();
  ConverterInquiry(const ConverterInquiry&) = delete;
  ConverterInquiry& operator=(const ConverterInquiry&) = delete;

  /// May destroy it, as every function below.
  void begin();

 private:
  void ready(std::uint32_t events);
  void too_late();
  void end(bool there);

  CpePlane& plane_;
  ConverterPool::Choice choice_;
  std::unique_ptr<signalling::Initiator> initiator_;
  UniqueFd fd_;
  bool asked_ = false;
  signalling::Octets heard_;
  WatchedSide<ConverterInquiry, &ConverterInquiry::ready> side_{*this};
  Alarm<ConverterInquiry, &ConverterInquiry::too_late> deadline_{*this};
};

}  // namespace anabranch::proxy
