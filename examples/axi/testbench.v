// The core on AXI, instantiated in plain Verilog: one product, C = A B with A = (1 2) and B = (3 4)^T.
//
//   python -m hw.bus --block 16 --dot 4 --tile 1x1 --operand-depth 32 --datapath behavioral --bus-width 64 --top hbfp_axi -o build/hbfp_axi.v
//   python -m hw.bus --header build/hbfp_registers.vh
//   iverilog -g2005 -I build -o build/axi_example examples/axi/testbench.v build/hbfp_axi.v && vvp build/axi_example
`timescale 1ns / 1ps
`include "hbfp_registers.vh"

module testbench;
  reg aclk = 0, aresetn = 0;
  always #5 aclk = ~aclk;

  reg [9:0] awaddr = 0, araddr = 0;
  reg awvalid = 0, wvalid = 0, bready = 0, arvalid = 0, rready = 0;
  reg [31:0] wdata = 0;
  wire awready, wready, bvalid, arready, rvalid;
  wire [1:0] bresp, rresp;
  wire [31:0] rdata;

  reg [63:0] a_tdata = 0, b_tdata = 0;
  reg a_tvalid = 0, b_tvalid = 0;
  wire a_tready, b_tready, c_tvalid, c_tlast, interrupt;
  wire [63:0] c_tdata;
  wire [7:0] c_tkeep;

  hbfp_axi core (
    .aclk(aclk), .aresetn(aresetn), .interrupt(interrupt),
    .s_axi_awaddr(awaddr), .s_axi_awprot(3'b000), .s_axi_awvalid(awvalid), .s_axi_awready(awready),
    .s_axi_wdata(wdata), .s_axi_wstrb(4'b1111), .s_axi_wvalid(wvalid), .s_axi_wready(wready),
    .s_axi_bresp(bresp), .s_axi_bvalid(bvalid), .s_axi_bready(bready),
    .s_axi_araddr(araddr), .s_axi_arprot(3'b000), .s_axi_arvalid(arvalid), .s_axi_arready(arready),
    .s_axi_rdata(rdata), .s_axi_rresp(rresp), .s_axi_rvalid(rvalid), .s_axi_rready(rready),
    .s_axis_a_tdata(a_tdata), .s_axis_a_tkeep(8'hFF), .s_axis_a_tlast(1'b1), .s_axis_a_tvalid(a_tvalid),
    .s_axis_a_tready(a_tready),
    .s_axis_b_tdata(b_tdata), .s_axis_b_tkeep(8'hFF), .s_axis_b_tlast(1'b1), .s_axis_b_tvalid(b_tvalid),
    .s_axis_b_tready(b_tready),
    .m_axis_c_tdata(c_tdata), .m_axis_c_tkeep(c_tkeep), .m_axis_c_tlast(c_tlast), .m_axis_c_tvalid(c_tvalid),
    .m_axis_c_tready(1'b1));

  // Inputs change half a cycle before the edge that takes them.
  task write_register(input [9:0] offset, input [31:0] value);
    begin
      @(negedge aclk);
      awaddr = offset; wdata = value; awvalid = 1; wvalid = 1; bready = 1;
      while (!(awready && wready)) @(negedge aclk);
      @(negedge aclk);
      awvalid = 0; wvalid = 0;
      while (!bvalid) @(negedge aclk);
      if (bresp != 0) $display("write to %h refused", offset);
      @(negedge aclk);
      bready = 0;
    end
  endtask

  task read_register(input [9:0] offset, output [31:0] value);
    begin
      @(negedge aclk);
      araddr = offset; arvalid = 1; rready = 1;
      while (!arready) @(negedge aclk);
      @(negedge aclk);
      arvalid = 0;
      while (!rvalid) @(negedge aclk);
      value = rdata;
      @(negedge aclk);
      rready = 0;
    end
  endtask

  reg [255:0] command = 0;
  reg [31:0] value;
  integer i;

  initial begin
    repeat (4) @(negedge aclk);
    aresetn = 1;
    repeat (4) @(negedge aclk);
    read_register(`HBFP_IDENTITY, value);
    if (value != `HBFP_IDENTITY_VALUE) $display("FAIL: identity %h", value);

    command[`HBFP_FIELD_ROWS +: `HBFP_FIELD_ROWS_WIDTH] = 1;
    command[`HBFP_FIELD_INNER +: `HBFP_FIELD_INNER_WIDTH] = 2;
    command[`HBFP_FIELD_COLUMNS +: `HBFP_FIELD_COLUMNS_WIDTH] = 1;
    command[`HBFP_FIELD_LOAD_A] = 1;
    command[`HBFP_FIELD_LOAD_B] = 1;
    command[`HBFP_FIELD_STORE] = 1;
    command[`HBFP_FIELD_WIDTH_A +: `HBFP_FIELD_WIDTH_A_WIDTH] = 4;
    command[`HBFP_FIELD_WIDTH_B +: `HBFP_FIELD_WIDTH_B_WIDTH] = 4;
    for (i = 0; i < `HBFP_COMMAND_WORDS; i = i + 1)
      write_register(`HBFP_COMMAND_0 + 4 * i, command[32 * i +: 32]);
    write_register(`HBFP_SUBMIT, 1);

    a_tdata = {32'h40000000, 32'h3F800000}; a_tvalid = 1;  // 2, 1
    b_tdata = {32'h40800000, 32'h40400000}; b_tvalid = 1;  // 4, 3
    fork
      begin while (!a_tready) @(negedge aclk); @(negedge aclk); a_tvalid = 0; end
      begin while (!b_tready) @(negedge aclk); @(negedge aclk); b_tvalid = 0; end
    join
  end

  always @(posedge aclk) if (c_tvalid) begin
    if (c_tdata[31:0] == 32'h41300000 && c_tkeep == 8'h0F && c_tlast)
      $display("PASS: 1 x 3 + 2 x 4 = 11");
    else
      $display("FAIL: C = %h, keep %b, last %b", c_tdata, c_tkeep, c_tlast);
    $finish;
  end

  initial begin
    #100000 $display("FAIL: no result");
    $finish;
  end
endmodule
