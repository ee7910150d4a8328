/**
 * What runs on the device: static methods that TornadoVM compiles to OpenCL, PTX or CUDA.
 *
 * <p>All have the same form. After the context come the integers and the floats of one call, {@code p} and {@code s}, then
 * whole device buffers; where in a buffer an operand begins is one of the integers. TornadoVM compiles scalar arguments and
 * array lengths into the code, so sizes and offsets travel in these two small buffers instead, and a method is compiled once
 * however many shapes it is called with.
 *
 * <p>What TornadoVM gets wrong or cannot do, and these methods therefore avoid:
 * <ul>
 *   <li>{@code >>>} becomes a signed shift on OpenCL and CUDA, and {@code >>} an unsigned one on PTX: shifts are masked;
 *   <li>of two loops in the two branches of one {@code if}, both begin with the first values of one of them: there is one loop, or
 *       there are two methods;
 *   <li>{@code simdSum}, {@code @Reduce} and atomic additions of floats: sums over threads are trees in local memory;
 *   <li>a local array that is handed to another method is addressed there by bytes and behind a header, as if it were one of
 *       the host's, and nothing says so: each kernel has its trees written out;
 *   <li>{@code Math.fma}, {@code floatToRawIntBits} and a constant NaN do not compile: where one is needed it is an argument;
 *   <li>a method named like a function of OpenCL, such as {@code select}, crashes the driver;
 *   <li>no objects, exceptions or recursion, and at most 20 arguments.
 * </ul>
 *
 * <p>A method knows nothing about tensors or programs, and trusts its arguments: whoever launches it has checked them.
 */
@NullMarked
package dev.geomean.tornado.kernels;

import org.jspecify.annotations.NullMarked;
