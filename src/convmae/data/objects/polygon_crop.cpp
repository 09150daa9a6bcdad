#include "convmae/data/objects/polygon_crop.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <geos_c.h>
#include <new>
#include <string>
#include <utility>

namespace convmae {

/// A handle of GEOS and what it last complained about.
class PolygonCropper::Context {
  struct Destroy {
    GEOSContextHandle_t handle;
    void operator()(GEOSGeometry* geometry) const { GEOSGeom_destroy_r(handle, geometry); }
  };

 public:
  using Geometry = std::unique_ptr<GEOSGeometry, Destroy>;

  Context() : handle_(GEOS_init_r()) {
    if (handle_ == nullptr) throw std::bad_alloc();
    GEOSContext_setErrorMessageHandler_r(
        handle_,
        [](const char* message, void* text) { *static_cast<std::string*>(text) = message; },
        &complaint_);
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { GEOS_finish_r(handle_); }

  /// The area inside of a ring, valid.
  Geometry area_of(const Polygon& polygon) const {
    return owned(GEOSBuffer_r(handle_, ring_area(polygon).get(), 0.0, kQuadrantSegments));
  }

  Geometry common(const GEOSGeometry* a, const GEOSGeometry* b) const {
    return owned(GEOSIntersection_r(handle_, a, b));
  }

  /// Adds the rings around the areas that a geometry consists of, not closed. Points and lines,
  /// where areas only touch, are none.
  void add_rings(const GEOSGeometry* geometry, std::vector<Polygon>& rings) const {
    const int parts = GEOSGetNumGeometries_r(handle_, geometry);
    for (int i = 0; i < parts; ++i) {
      const GEOSGeometry* const part = GEOSGetGeometryN_r(handle_, geometry, i);
      const bool is_area = GEOSGeomTypeId_r(handle_, part) == GEOS_POLYGON &&
                           GEOSisEmpty_r(handle_, part) == 0 && GEOSisValid_r(handle_, part) == 1;
      if (is_area) rings.push_back(ring_around(part));
    }
  }

 private:
  static constexpr int kQuadrantSegments = 16;

  Geometry owned(GEOSGeometry* geometry) const {
    if (geometry == nullptr) {
      throw UserError("cannot crop a polygon: " + brief(complaint_) +
                      ": mend it, or leave its annotation out");
    }
    return Geometry(geometry, Destroy{handle_});
  }

  Geometry ring_area(const Polygon& polygon) const {
    const std::size_t points = polygon.size() / 2;
    GEOSCoordSequence* const sequence =
        GEOSCoordSeq_create_r(handle_, static_cast<unsigned>(points + 1), 2);
    if (sequence == nullptr) throw std::bad_alloc();
    for (std::size_t i = 0; i <= points; ++i) {
      const double* const point = polygon.data() + 2 * (i % points);
      GEOSCoordSeq_setXY_r(handle_, sequence, static_cast<unsigned>(i), point[0], point[1]);
    }
    // Each takes what it is made from, also where it fails.
    Geometry ring = owned(GEOSGeom_createLinearRing_r(handle_, sequence));
    return owned(GEOSGeom_createPolygon_r(handle_, ring.release(), nullptr, 0));
  }

  Polygon ring_around(const GEOSGeometry* area) const {
    const GEOSCoordSequence* const sequence =
        GEOSGeom_getCoordSeq_r(handle_, GEOSGetExteriorRing_r(handle_, area));
    unsigned points = 0;
    GEOSCoordSeq_getSize_r(handle_, sequence, &points);
    Polygon ring(std::size_t{2} * points);
    GEOSCoordSeq_copyToBuffer_r(handle_, sequence, ring.data(), 0, 0);
    ring.resize(ring.size() - 2);  // the last point is the first
    return ring;
  }

  GEOSContextHandle_t handle_;
  std::string complaint_;
};

PolygonCropper::PolygonCropper() : context_(std::make_unique<Context>()) {}
PolygonCropper::~PolygonCropper() = default;

std::vector<Polygon> PolygonCropper::crop(const std::vector<Polygon>& polygons,
                                          const Box& box) const {
  const auto left = static_cast<double>(box.left);
  const auto top = static_cast<double>(box.top);
  const auto right = static_cast<double>(box.left + box.width);
  const auto bottom = static_cast<double>(box.top + box.height);
  const Context::Geometry window =
      context_->area_of({right, top, right, bottom, left, bottom, left, top});
  std::vector<Polygon> parts;
  for (const Polygon& polygon : polygons) {
    const Context::Geometry area = context_->area_of(polygon);
    context_->add_rings(context_->common(area.get(), window.get()).get(), parts);
  }
  return parts;
}

}  // namespace convmae
